package wire

import (
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/beevik/etree"
)

// keys reads the keys of a service provider: certificates, or RSA key values. One without either is an error and no panic:
// what has a KeyDescriptor means to have a key.
func (m metadataReader) keys(role *etree.Element) error {
	for _, el := range all(role, nsMetadata, "KeyDescriptor") {
		use := Use(attr(el, "use"))
		if use != UseAny && use != UseSigning && use != UseEncryption {
			return refuse(codeMetadata, "A key has an unknown use")
		}
		info, err := only(el, nsSignature, "KeyInfo")
		if err != nil {
			return err
		}
		if info == nil {
			return refuse(codeMetadata, "A key descriptor has no key")
		}
		var methods []string
		for _, method := range all(el, nsMetadata, "EncryptionMethod") {
			methods = append(methods, attr(method, "Algorithm"))
		}
		found, err := keysOf(use, info)
		if err != nil {
			return err
		}
		for _, k := range found {
			k.Methods = methods
			m.sp.Keys = append(m.sp.Keys, k)
		}
	}
	if len(m.sp.Keys) > maxKeys {
		return refusef(codeMetadata, "The metadata has more than %d keys", maxKeys)
	}
	return nil
}

// keysOf reads the first certificate of each X509Data (the rest is its chain), or a key value.
func keysOf(use Use, info *etree.Element) ([]Key, error) {
	var out []Key
	for _, data := range all(info, nsSignature, "X509Data") {
		certificates := all(data, nsSignature, "X509Certificate")
		if len(certificates) == 0 {
			continue
		}
		der, err := octetsOf(certificates[0], 16<<10)
		if err != nil {
			return nil, refuse(codeMetadata, "A certificate is not base64")
		}
		k, err := NewKey(use, der)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, value := range all(info, nsSignature, "KeyValue") {
		k, err := rsaKeyValue(use, value)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, refuse(codeMetadata, "A key descriptor has neither a certificate nor an RSA key")
	}
	return out, nil
}

func rsaKeyValue(use Use, value *etree.Element) (Key, error) {
	bad := refuse(codeMetadata, "A key value is no RSA key")
	el, err := only(value, nsSignature, "RSAKeyValue")
	if err != nil || el == nil {
		return Key{}, bad
	}
	var numbers [2]*big.Int
	for i, name := range []string{"Modulus", "Exponent"} {
		part, err := only(el, nsSignature, name)
		if err != nil || part == nil {
			return Key{}, bad
		}
		b, err := octetsOf(part, 2048)
		if err != nil {
			return Key{}, bad
		}
		numbers[i] = new(big.Int).SetBytes(b)
	}
	if numbers[1].BitLen() > 31 || numbers[0].BitLen() > maxRSA {
		return Key{}, bad
	}
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: numbers[0], E: int(numbers[1].Int64())})
	if err != nil {
		return Key{}, bad
	}
	k := Key{Use: use, PublicKey: der}
	_, err = k.public()
	return k, err
}

// attributeServices reads the attributes that are asked for.
func (m metadataReader) attributeServices(role *etree.Element) error {
	for _, el := range all(role, nsMetadata, "AttributeConsumingService") {
		i, err := index(el, "index")
		if err != nil {
			return err
		}
		if i == nil {
			return refuse(codeMetadata, "An attribute consuming service has no index")
		}
		s := AttributeConsumingService{Index: *i}
		if s.Default, err = boolean(el, "isDefault"); err != nil {
			return err
		}
		if s.Names, err = localized(el, nsMetadata, "ServiceName"); err != nil {
			return err
		}
		for _, requested := range all(el, nsMetadata, "RequestedAttribute") {
			a, err := readAttribute(requested)
			if err != nil {
				return err
			}
			required, err := boolean(requested, "isRequired")
			if err != nil {
				return err
			}
			s.Requested = append(s.Requested, RequestedAttribute{Attribute: a, Required: required})
		}
		m.sp.AttributeServices = append(m.sp.AttributeServices, s)
	}
	return nil
}

// extensions reads the entity attributes: categories, assurance, subject identifiers that are wanted.
func (m metadataReader) extensions(entity *etree.Element) error {
	for _, extensions := range all(entity, nsMetadata, "Extensions") {
		for _, holder := range all(extensions, nsEntityAtt, "EntityAttributes") {
			for _, el := range all(holder, nsAssertion, "Attribute") {
				a, err := readAttribute(el)
				if err != nil {
					return err
				}
				m.sp.EntityAttributes = append(m.sp.EntityAttributes, a)
			}
		}
	}
	return nil
}

// names reads what the service provider calls itself: in its user interface information, else of its attribute service.
func (m metadataReader) names(role *etree.Element) error {
	for _, extensions := range all(role, nsMetadata, "Extensions") {
		for _, info := range all(extensions, nsUI, "UIInfo") {
			names, err := localized(info, nsUI, "DisplayName")
			if err != nil {
				return err
			}
			m.sp.Names = names
		}
	}
	if len(m.sp.Names) == 0 && len(m.sp.AttributeServices) > 0 {
		m.sp.Names = m.sp.AttributeServices[0].Names
	}
	m.sp.DisplayName = m.sp.Names["en"]
	least := ""
	for language, name := range m.sp.Names {
		if m.sp.Names["en"] == "" && (least == "" || language < least) {
			least, m.sp.DisplayName = language, name
		}
	}
	return nil
}

// localized reads texts by language.
func localized(el *etree.Element, namespace, tag string) (map[string]string, error) {
	var out map[string]string
	for _, child := range all(el, namespace, tag) {
		value, err := text(child)
		if err != nil {
			return nil, err
		}
		language := child.SelectAttrValue("xml:lang", "")
		if value == "" || len(value) > maxField || language == "" || len(language) > 35 {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		if _, has := out[language]; !has {
			out[language] = value
		}
	}
	return out, nil
}

func readAttribute(el *etree.Element) (Attribute, error) {
	a := Attribute{Name: attr(el, "Name"), NameFormat: attr(el, "NameFormat"), FriendlyName: attr(el, "FriendlyName")}
	if a.Name == "" || len(a.Name) > maxField {
		return a, refuse(codeMetadata, "An attribute has no name")
	}
	for _, child := range all(el, nsAssertion, "AttributeValue") {
		value, err := text(child)
		if err != nil {
			return a, err
		}
		a.Values = append(a.Values, value)
	}
	return a, nil
}

var durationForm = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d{1,9})?S)?)?$`)

// parseDuration reads xs:duration; a month counts 30 days and a year 365, fractions of a second nothing.
func parseDuration(s string) (time.Duration, error) {
	parts := durationForm.FindStringSubmatch(s)
	if parts == nil || s[len(s)-1] == 'P' || s[len(s)-1] == 'T' {
		return 0, refuse(codeMetadata, "A duration is not written as xs:duration")
	}
	const day = 24 * time.Hour
	var total time.Duration
	for i, unit := range []time.Duration{365 * day, 30 * day, day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt("0"+parts[i+1], 10, 64)
		if n > int64(40*365*day/unit) { // six of them still fit into int64
			return 0, refuse(codeMetadata, "A duration is longer than forty years")
		}
		total += time.Duration(n) * unit
	}
	return total, nil
}
