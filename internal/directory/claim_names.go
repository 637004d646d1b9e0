package directory

import "strings"

// ownWords are our claims in which stand words of our own that decide: local_admin, bank_access, module:action, *. Nothing
// that an organization names itself, such as a group, is told under their names.
var ownWords = map[string]bool{string(ClaimRoles): true, string(ClaimEntitlements): true, string(ClaimSegments): true}

// reservedClaims are the names that no mapping may take: ours, those of the OAuth and OpenID specifications, and whatever
// else is registered for JSON Web Tokens, because readers believe such a claim wherever it comes from.
var reservedClaims = claimNames(`
	iss sub aud exp nbf iat jti azp nonce acr amr auth_time at_hash c_hash s_hash sid sub_jwk sub_id
	client_id scope scopes scp cnf act may_act events toe txn authorization_details claims
	name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate
	zoneinfo locale phone_number phone_number_verified address updated_at _claim_names _claim_sources
	birth_family_name birth_given_name birth_middle_name place_of_birth nationalities salutation title msisdn also_known_as verified_claims
	active username token_type token_introspection expires_in access_token refresh_token id_token
	typ alg kid enc zip cty crit jku jwk x5u x5c x5t x5t#s256 b64 jwks
	fam cred organization organizations tenant
	vot vtm trust_framework trust_chain trust_marks metadata metadata_policy
	htm htu ath at_use_nbr div opt rph orig dest mky attest origid jcard rcd rcdi crn msgi
	sip_from_tag sip_date sip_callid sip_cseq_num sip_via_branch sph ace_profile cnonce exi
	vc vp vct vct#integrity status status_list ttl _sd _sd_alg sd_hash transaction_data_hashes
	eat_nonce ueid sueids oemid hwmodel hwversion oemboot dbgstat location eat_profile submods uptime bootcount bootseed dloas
	swname swversion manifests measurements measres intuse geohash rdap_allowed_purposes rdap_dnt_allowed
	cdniv cdnicrit cdniip cdniuc cdniets cdnistt cdnistd sig_val_claims atc ntk
	__proto__ prototype constructor
`)

// reservedPrefixes begin names of ours, also of those that we do not have yet.
var reservedPrefixes = []string{"org_", "membership_", "access_", "portvakt_", "urn:portvakt:"}

func claimNames(list string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(list) {
		out[name] = true
	}
	return out
}

// isReservedClaim reports whether the name belongs to a claim with a meaning of its own. It is folded, because readers that
// do not mind case take SUB, or ſub, for sub.
func isReservedClaim(folded string) bool {
	if reservedClaims[folded] {
		return true
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	return false
}
