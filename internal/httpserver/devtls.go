package httpserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	devCAFile  = "dev-ca.pem"     // for whoever shall trust the server
	devKeyFile = "dev-ca-key.pem" // the CA with its private key, for this machine only
)

// DevTLS makes a certificate for localhost, its loopback addresses and the given hosts, under a CA of its own that stays
// in the folder from start to start. It gives the configuration and the path of the CA's certificate. Development only.
func DevTLS(folder string, hosts ...string) (*tls.Config, string, error) {
	ca, err := devCA(folder)
	if err != nil {
		return nil, "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	leaf := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost", "*.localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 3, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		return nil, "", fmt.Errorf("making the development certificate: %w", err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der, ca.Certificate[0]}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, filepath.Join(folder, devCAFile), nil
}

// devCA reads the folder's CA, and makes it where there is none or it ends soon.
func devCA(folder string) (tls.Certificate, error) {
	path := filepath.Join(folder, devKeyFile)
	ca, err := tls.LoadX509KeyPair(path, path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return ca, fmt.Errorf("%s cannot be used (delete it, and a new one is made): %w", path, err)
	case time.Until(ca.Leaf.NotAfter) > 30*24*time.Hour:
		return ca, writeCA(folder, ca)
	}
	data, err := newCA()
	if err != nil {
		return ca, fmt.Errorf("making the development CA: %w", err)
	}
	if err := writeFile(path, data, 0o600); err != nil {
		return ca, err
	}
	if ca, err = tls.LoadX509KeyPair(path, path); err != nil {
		return ca, err
	}
	return ca, writeCA(folder, ca)
}

// writeCA writes the public half, unless it is there.
func writeCA(folder string, ca tls.Certificate) error {
	path := filepath.Join(folder, devCAFile)
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return writeFile(path, data, 0o644)
}

func newCA() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Portvakt development CA"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(5, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// writeFile replaces a file in one step, so that a process that starts at the same time never reads half of it.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error matters
	}
	return err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail on a working system
	}
	return n
}
