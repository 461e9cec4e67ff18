package inventory

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// validateCA checks a PEM file of certificates. What stands beside them will
// be stored where others read it, so a private key is refused.
func validateCA(f *findings, path, file, hint string) {
	data, _, err := readRegular(file, maxFile)
	if err != nil {
		f.add(path, fmt.Sprintf("%s: %s", file, reason(err)), hint)
		return
	}
	block, rest := pem.Decode(data)
	f.check(block != nil, path, file+" holds no certificate", hint)
	for ; block != nil; block, rest = pem.Decode(rest) {
		if bytes.Contains([]byte(block.Type), []byte("PRIVATE KEY")) {
			f.add(path, file+" holds a private key", "name a file with certificates only")
			return
		}
		_, err := x509.ParseCertificate(block.Bytes)
		if !f.check(block.Type == "CERTIFICATE", path, file+" holds no certificate", hint) ||
			!f.check(err == nil, path, file+" holds a broken certificate", hint) {
			return
		}
	}
}
