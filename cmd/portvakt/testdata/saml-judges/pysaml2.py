"""A service provider made of pysaml2."""

import json
import sys
import traceback
import uuid
from http.cookies import SimpleCookie
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import AuthnContextClassRef
from saml2.samlp import RequestedAuthnContext

with open(sys.argv[1]) as given:
    said = json.load(given)
base = said["base"]
asked = {}
known = None
sessions = {}  # who is signed in, by the value of the cookie: what is shown, and the name as pysaml2 knows it
COOKIE = "portvakt-" + str(said["port"])

# pysaml2 signs with SHA-1 unless told otherwise: before 7.2 with each request, later by the two settings below.
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def settings():
    """What pysaml2 is configured with; the guide shows the same."""
    return {
        "entityid": base + "/metadata",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "allow_unknown_attributes": True,
        "metadata": {"local": [said["idp_metadata"]]},
        "key_file": said["key"],
        "cert_file": said["certificate"],
        "encryption_keypairs": [{"key_file": said["key"], "cert_file": said["certificate"]}],
        "signing_algorithm": RSA_SHA256,
        "digest_algorithm": SHA256,
        "preferred_binding": {"single_logout_service": [BINDING_HTTP_REDIRECT]},
        "service": {
            "sp": {
                "endpoints": {
                    "assertion_consumer_service": [(base + "/acs", BINDING_HTTP_POST)],
                    "single_logout_service": [(base + "/slo", BINDING_HTTP_POST)],
                },
                "logout_requests_signed": True,
                "logout_responses_signed": True,
                "allow_unsolicited": said["unsolicited"],
                "authn_requests_signed": True,
                "want_assertions_signed": True,
                "want_response_signed": True,
                "name_id_format": ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"],
            }
        },
    }


def config():
    return SPConfig().load(settings())


def client():
    """The client knows our metadata as it was when it was last read."""
    global known
    known = known or Saml2Client(config())
    return known


def login(wishes):
    binding = BINDING_HTTP_POST if wishes.get("post") else BINDING_HTTP_REDIRECT
    more = {}
    if wishes.get("force"):
        more["force_authn"] = "true"
    if wishes.get("passive"):
        more["is_passive"] = "true"
    if wishes.get("context"):
        more["requested_authn_context"] = RequestedAuthnContext(authn_context_class_ref=[AuthnContextClassRef(text=wishes["context"])], comparison="exact")
    request, info = client().prepare_for_authenticate(relay_state=wishes.get("relay", ""), binding=binding, sign=True, sigalg=RSA_SHA256, digest_alg=SHA256, **more)
    asked[request] = "/"
    if wishes.get("post"):
        return "200 OK", "text/html", "".join(info["data"]), []
    return "302 Found", "text/plain", "", [("Location", dict(info["headers"])["Location"])]


def accept(fields):
    response = client().parse_authn_request_response(fields["SAMLResponse"], BINDING_HTTP_POST, outstanding=asked)
    if response is None:
        raise ValueError("pysaml2 takes the response for none")
    asked.pop(response.in_response_to, None)
    client().users.add_information_about_person(response.session_info())  # which pysaml2 forgets where the assertion is encrypted
    name = response.get_subject()
    statement = response.assertion.authn_statement[0]
    return name, {
        "relay_state": fields.get("RelayState", ""),
        "issuer": response.issuer(),
        "name_id": name.text,
        "format": name.format,
        "session_index": statement.session_index,
        "instant": statement.authn_instant,
        "class": statement.authn_context.authn_context_class_ref.text,
        "attributes": response.ava,
    }


def leave(name):
    done = client().global_logout(name, sign=True, sign_alg=RSA_SHA256, digest_alg=SHA256)
    return dict(done[said["entity_id"]][1]["headers"])["Location"]


def sign_out(fields):
    """Ends the sessions that a request names, and answers the page that posts the response."""
    request = client().parse_logout_request(fields["SAMLRequest"], BINDING_HTTP_POST).message
    if not request.signature or not request.name_id:  # pysaml2 takes unsigned requests, and reads no encrypted name
        raise ValueError("not signed, or without a name in clear")
    indexes = [index.text for index in request.session_index]
    name = None
    for key, (known_as, shown) in list(sessions.items()):
        if request.name_id == known_as and (not indexes or shown["session_index"] in indexes):
            name = known_as
            del sessions[key]
    answer = client().handle_logout_request(
        fields["SAMLRequest"], name, BINDING_HTTP_POST, sign=True, sign_alg=RSA_SHA256, digest_alg=SHA256, relay_state=fields.get("RelayState", "")
    )
    return answer["data"] if isinstance(answer["data"], str) else "".join(answer["data"])


def signed_out(fields):
    response = client().parse_logout_request_response(fields["SAMLResponse"], BINDING_HTTP_POST)
    if not response.response.signature:
        raise ValueError("not signed")
    client().handle_logout_response(response)
    return {"signed_out": response.status_ok()}


def application(environ, start):
    global known
    size = int(environ.get("CONTENT_LENGTH") or 0)
    text = environ["wsgi.input"].read(size).decode() if size else environ["QUERY_STRING"]
    fields = {name: values[0] for name, values in parse_qs(text).items()}
    cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    session = cookies[COOKIE].value if COOKIE in cookies else ""
    status, kind, body, headers = "404 Not Found", "text/plain", "nothing here", []
    try:
        where = environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"]
        if where == "GET /metadata":
            status, kind, body = "200 OK", "application/samlmetadata+xml", str(entity_descriptor(config()))
        elif where == "GET /refresh":
            known = None
            client()
            status, body = "200 OK", "read"
        elif where == "GET /login":
            status, kind, body, headers = login(fields)
        elif where in ("POST /acs", "GET /acs"):
            name, shown = accept(fields)
            session = uuid.uuid4().hex
            sessions[session] = name, shown
            status, kind, body = "200 OK", "application/json", json.dumps(shown)
            headers = [("Set-Cookie", COOKIE + "=" + session + "; Path=/; HttpOnly")]
        elif where == "GET /shown":
            status, kind = "200 OK", "application/json"
            body = json.dumps(sessions[session][1] if session in sessions else {"error": "nobody is signed in"})
        elif where == "GET /logout":
            status, body, headers = "302 Found", "", [("Location", leave(sessions[session][0]))]
        elif where == "POST /slo" and "SAMLResponse" in fields:
            status, kind, body = "200 OK", "application/json", json.dumps(signed_out(fields))
            sessions.pop(session, None)
        elif where == "POST /slo" and "SAMLRequest" in fields:
            status, kind, body = "200 OK", "text/html", sign_out(fields)
    except Exception as error:  # whatever pysaml2 refuses with is the answer
        traceback.print_exc()
        status, kind, body = "403 Forbidden", "application/json", json.dumps({"error": type(error).__name__ + ": " + str(error)})
    start(status, [("Content-Type", kind)] + headers)
    return [body.encode()]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


make_server("127.0.0.1", said["port"], application, handler_class=Quiet).serve_forever()
