package wire

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	_ "crypto/sha1" // OAEP and MGF1 as everybody speaks them
	"encoding/base64"
	"errors"
	"io"
	"slices"
)

// Cipher is how an assertion is encrypted.
type Cipher string

// The ciphers. CBC is malleable: whoever can ask the service provider often enough reads it (Jager and Somorovsky, 2011).
const (
	AES256GCM         Cipher = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	AES128GCM         Cipher = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
	InsecureAES128CBC Cipher = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
	InsecureAES256CBC Cipher = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
)

// size is the length of a cipher's key, 0 for one that we do not know.
func (c Cipher) size() int {
	switch c {
	case AES128GCM, InsecureAES128CBC:
		return 16
	case AES256GCM, InsecureAES256CBC:
		return 32
	}
	return 0
}

const (
	keyOAEP     = nsXenc + "rsa-oaep-mgf1p"
	keyOAEP11   = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
	mgf1SHA256  = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
	nsXenc11    = "http://www.w3.org/2009/xmlenc11#"
	typeElement = nsXenc + "Element"
)

// Encryption is to whom and how something is encrypted. Make it once for a registration.
type Encryption struct {
	public      *rsa.PublicKey
	certificate []byte
	cipher      Cipher
	oaep        rsa.OAEPOptions
	transport   string
}

// EncryptionOptions are a registration's wishes; the zero value is AES-128-GCM with RSA-OAEP unless the metadata says otherwise.
type EncryptionOptions struct {
	// Cipher is used whatever the metadata says; a CBC one is only ever used by being named here.
	Cipher Cipher
	// OAEPSHA256 wraps the key with SHA-256 in both places (XML Encryption 1.1), where the metadata does not say so itself.
	OAEPSHA256 bool
}

// ErrNoEncryptionKey is the answer where a registration has no key that encrypts.
var ErrNoEncryptionKey = errors.New("wire: the service provider has no RSA key to encrypt to")

// NewEncryption chooses the key to encrypt to: the first RSA key that is for encryption, else the first without use.
// Keys for signing only are never used, however many there are.
//
// The hash in OAEP is SHA-1 unless asked otherwise: it need not resist collisions there, and it is what every service
// provider understands (libxmlsec before 1.3 knows no other).
func NewEncryption(keys []Key, o EncryptionOptions) (*Encryption, error) {
	for _, use := range []Use{UseEncryption, UseAny} {
		for _, k := range keys {
			if k.Use != use {
				continue
			}
			public, err := k.public()
			if err != nil {
				return nil, err
			}
			if rsaKey, ok := public.(*rsa.PublicKey); ok {
				return newEncryption(rsaKey, k, o)
			}
		}
	}
	return nil, ErrNoEncryptionKey
}

func newEncryption(public *rsa.PublicKey, k Key, o EncryptionOptions) (*Encryption, error) {
	e := &Encryption{public: public, certificate: k.Certificate, cipher: o.Cipher, transport: keyOAEP, oaep: rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}}
	if e.cipher == "" {
		e.cipher = AES128GCM // crewjam's library decrypts no other GCM, and does not say that it decrypts this one
		for _, method := range k.Methods {
			if c := Cipher(method); c == AES256GCM || c == AES128GCM {
				e.cipher = c
				break
			}
		}
	}
	if e.cipher.size() == 0 {
		return nil, refuse(codeAlgorithm, "No such cipher")
	}
	only11 := slices.Contains(k.Methods, keyOAEP11) && !slices.Contains(k.Methods, keyOAEP)
	if o.OAEPSHA256 || only11 {
		e.transport, e.oaep = keyOAEP11, rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA256}
	}
	return e, nil
}

// write encrypts an element and writes EncryptedData; the key is inside of it, where every reader finds it.
func (e *Encryption) write(w *writer, i Issuer, plain []byte) error {
	key := make([]byte, e.cipher.size())
	if _, err := io.ReadFull(i.random(), key); err != nil {
		return err
	}
	wrapped, err := rsa.EncryptOAEPWithOptions(i.random(), e.public, key, &e.oaep)
	if err != nil {
		return err
	}
	sealed, err := e.cipher.seal(i.random(), key, plain)
	if err != nil {
		return err
	}
	w.start("xenc:EncryptedData", "xmlns:xenc", nsXenc, "Type", typeElement)
	w.leaf("xenc:EncryptionMethod", "", "Algorithm", string(e.cipher))
	w.start("ds:KeyInfo", "xmlns:ds", nsSignature)
	w.start("xenc:EncryptedKey")
	w.start("xenc:EncryptionMethod", "Algorithm", e.transport)
	if e.transport == keyOAEP11 {
		w.leaf("ds:DigestMethod", "", "Algorithm", digestSHA256)
		w.leaf("xenc11:MGF", "", "xmlns:xenc11", nsXenc11, "Algorithm", mgf1SHA256)
	} else {
		w.leaf("ds:DigestMethod", "", "Algorithm", digestSHA1)
	}
	w.end("xenc:EncryptionMethod")
	if len(e.certificate) > 0 {
		w.raw(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(e.certificate) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`)
	}
	w.cipherValue(wrapped)
	w.end("xenc:EncryptedKey")
	w.end("ds:KeyInfo")
	w.cipherValue(sealed)
	w.end("xenc:EncryptedData")
	return nil
}

func (w *writer) cipherValue(octets []byte) {
	w.start("xenc:CipherData")
	w.base64("xenc:CipherValue", octets)
	w.end("xenc:CipherData")
}

// seal encrypts; the nonce or initialization vector stands before the rest (XML Encryption §5.2.4).
func (c Cipher) seal(random io.Reader, key, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if c == AES128GCM || c == AES256GCM {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(plain)+gcm.Overhead())
		if _, err := io.ReadFull(random, nonce); err != nil {
			return nil, err
		}
		return gcm.Seal(nonce, nonce, plain, nil), nil
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	padded := make([]byte, len(plain)+padding)
	copy(padded, plain)
	padded[len(padded)-1] = byte(padding) // the octets before it may be anything (XML Encryption §5.2)
	out := make([]byte, aes.BlockSize+len(padded))
	if _, err := io.ReadFull(random, out[:aes.BlockSize]); err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], padded)
	return out, nil
}
