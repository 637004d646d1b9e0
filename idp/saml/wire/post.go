package wire

import "net/url"

// DecodePOST reads a message of the HTTP-POST binding from the fields of a form whose body was bounded when it was read.
func DecodePOST(form url.Values) (*Received, error) {
	for _, name := range []string{"SAMLRequest", "SAMLResponse", "RelayState"} {
		if len(form[name]) > 1 {
			return nil, refusef(codeParameters, "The field %s is there twice", name)
		}
	}
	parameter, message, err := oneMessage(func(name string) (string, bool) { return form.Get(name), form.Has(name) })
	if err != nil {
		return nil, err
	}
	doc, err := decodeBase64(message)
	if err != nil {
		return nil, err
	}
	r, err := read(BindingPOST, parameter, doc)
	if err != nil {
		return nil, err
	}
	r.RelayState = form.Get("RelayState")
	return r, nil
}
