package wire

// MaxSOAP is how large the body of a SOAP request may be; whoever reads it bounds it by this.
const MaxSOAP = maxOctets

// DecodeSOAP reads the one message in the body of a SOAP 1.1 envelope.
func DecodeSOAP(body []byte) (*Received, error) {
	envelope, err := messageLimits.parse(body)
	if err != nil {
		return nil, err
	}
	if !is(envelope, nsEnvelope, "Envelope") {
		return nil, refuse(codeMessage, "This is no SOAP 1.1 envelope")
	}
	header, err := only(envelope, nsEnvelope, "Header")
	if err != nil {
		return nil, err
	}
	if header != nil {
		for _, entry := range header.ChildElements() {
			for _, a := range entry.Attr {
				if a.Key == "mustUnderstand" && a.Value != "0" {
					return nil, refuse(codeMessage, "A SOAP header must be understood, and is not")
				}
			}
		}
	}
	content, err := only(envelope, nsEnvelope, "Body")
	if err != nil {
		return nil, err
	}
	if content == nil || len(content.ChildElements()) != 1 {
		return nil, refuse(codeMessage, "The SOAP body must hold exactly one message")
	}
	return receive(BindingSOAP, "", detached(content.ChildElements()[0]))
}

// SOAPFault is the answer to a SOAP request that holds no message of ours, sent with status 500 (SOAP 1.1 §6.2). The text is
// for whoever runs the other side.
func SOAPFault(text string) []byte {
	var w writer
	w.start("soap11:Envelope", "xmlns:soap11", nsEnvelope)
	w.start("soap11:Body")
	w.start("soap11:Fault")
	w.leaf("faultcode", "soap11:Client")
	w.leaf("faultstring", text)
	w.end("soap11:Fault")
	w.end("soap11:Body")
	w.end("soap11:Envelope")
	return w.b
}
