package gitops

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

func secret(value string) object.Secret {
	return object.Secret{Meta: object.Meta{Name: "users", Namespace: "edge-git"}, Data: map[string][]byte{"realm": []byte("git")}, Hidden: map[string]inventory.Secret{"users": inventory.NewSecret(value)}}
}

// TestTheControllerCanUnseal decrypts with the private key what was sealed.
func TestTheControllerCanUnseal(t *testing.T) {
	t.Parallel()
	for _, value := range []string{users, "", strings.Repeat("long ", 20000), "two\nlines\n"} {
		sealed, kept, err := testSealer(t, controllerCert(t), "key").secret(secret(value), object.SealedSecret{})
		if err != nil || kept {
			t.Fatal(err)
		}
		got, err := unseal(t, controller(), sealed.Spec.EncryptedData["users"], "edge-git/users")
		if err != nil || got != value {
			t.Errorf("%.20q came out as %.20q: %v", value, got, err)
		}
		if got, err := unseal(t, controller(), sealed.Spec.EncryptedData["realm"], "edge-git/users"); err != nil || got != "git" {
			t.Errorf("%q, %v", got, err)
		}
		// Under another name, or in another namespace, it stays shut.
		for _, label := range []string{"edge-git/other", "other/users", "edge-git", ""} {
			if _, err := unseal(t, controller(), sealed.Spec.EncryptedData["users"], label); err == nil {
				t.Errorf("unsealed as %q", label)
			}
		}
	}
}

// TestWhatKubesealHasSealed is opened by the same reading of the format that
// the other tests hold ours against.
func TestWhatKubesealHasSealed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/kubeseal.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Label, Plain, Sealed string
		Key                  []byte
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unseal(t, key, v.Sealed, v.Label); err != nil || got != v.Plain {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTheSecretThatComesOut is what k3sedge itself would have applied.
func TestTheSecretThatComesOut(t *testing.T) {
	t.Parallel()
	o := secret(users)
	sealed, _, err := testSealer(t, controllerCert(t), "key").secret(o, object.SealedSecret{})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := object.Checksum(o)
	if err != nil {
		t.Fatal(err)
	}
	m := sealed.Spec.Template.Metadata
	if m.Name != "users" || m.Namespace != "edge-git" || m.Annotations[object.Applied] != sum || m.Labels[object.ManagedBy] != "k3sedge" || sealed.Spec.Template.Type != "Opaque" {
		t.Errorf("%+v", sealed.Spec.Template)
	}
	if m.Annotations[SealedSum] != "" {
		t.Error("the sum goes into the cluster's Secret")
	}
	if _, err := base64.StdEncoding.DecodeString(sealed.Spec.EncryptedData["users"]); err != nil {
		t.Error(err)
	}
}

// TestWhatIsSealedAnew: another value, another key of the operator's, another
// controller, a sum that somebody else has written.
func TestWhatIsSealedAnew(t *testing.T) {
	t.Parallel()
	cert := controllerCert(t)
	s := testSealer(t, cert, "key")
	former, _, err := s.secret(secret(users), object.SealedSecret{})
	if err != nil {
		t.Fatal(err)
	}
	half := former
	half.Spec.EncryptedData = map[string]string{"users": "AA=="}
	renamed := secret(users)
	renamed.Name = "others"
	for name, tc := range map[string]struct {
		sealer *Sealer
		secret object.Secret
		former object.SealedSecret
		kept   bool
	}{
		"the same":           {s, secret(users), former, true},
		"another value":      {s, secret(users + "x"), former, false},
		"another name":       {s, renamed, former, false},
		"another key":        {testSealer(t, cert, "other"), secret(users), former, false},
		"another controller": {testSealer(t, certificate(t, &controller().PublicKey, controller(), today, today.AddDate(1, 0, 0)), "key"), secret(users), former, false},
		"none before":        {s, secret(users), object.SealedSecret{}, false},
		"a key is missing":   {s, secret(users), half, false},
	} {
		got, kept, err := tc.sealer.secret(tc.secret, tc.former)
		if err != nil || kept != tc.kept || (got.Spec.EncryptedData["users"] == former.Spec.EncryptedData["users"]) != tc.kept {
			t.Errorf("%s: kept %v, %v", name, kept, err)
		}
	}
}

func TestRefusedCertificates(t *testing.T) {
	t.Parallel()
	good := controllerCert(t)
	for name, tc := range map[string]struct {
		pem  []byte
		want string
	}{
		"nothing":      {nil, "holds no certificate"},
		"a key":        {[]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "holds no certificate"},
		"broken":       {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "x509"},
		"not RSA":      {elliptical(t), "not RSA"},
		"has ended":    {certificate(t, &controller().PublicKey, controller(), today.AddDate(-2, 0, 0), today.AddDate(-1, 0, 0)), "not valid today: it is for 2024-11-30 to 2025-11-30"},
		"has yet to":   {certificate(t, &controller().PublicKey, controller(), today.AddDate(1, 0, 0), today.AddDate(2, 0, 0)), "not valid today"},
		"good":         {good, ""},
		"after a word": {append([]byte("the controller's\n"), good...), ""},
	} {
		_, err := NewSealer(tc.pem, nil, today)
		var hint interface{ Hint() string }
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !errors.As(err, &hint)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// FuzzFormer: whatever stands in the old folder, the new one is made.
func FuzzFormer(f *testing.F) {
	f.Add([]byte("kind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {k: AA==}}\n---\n"), []byte("-----BEGIN CERTIFICATE-----"))
	f.Add([]byte("a: [b"), []byte{})
	f.Fuzz(func(t *testing.T, text, certPEM []byte) {
		for path, s := range sealedIn(Files{"a.yaml": text}) {
			if path != (object.Secret{}).Kind().Path(s.Namespace, s.Name) {
				t.Errorf("%s is %+v", path, s.Meta)
			}
		}
		if s, err := NewSealer(certPEM, nil, today); err == nil && s.to == nil {
			t.Error("a sealer for nobody")
		}
	})
}
