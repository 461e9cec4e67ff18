package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, passwdFile, "root:x:0:0:root:/root:/bin/bash\nold:$1$ab$secret:5:5::/:/bin/sh\n+nis\nadmin:x:1000:1000:A,,,:/home/admin/:/bin/bash\nghost:x:1001:1001::/home/ghost:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n")
	w.put(t, shadowFile, "root:*:19000:0:99999:7:::\nadmin:$y$j9T$secret$secret:0:0:365:7:30:20000:\nadmin:::::::\nnobody:!:19000::::::\n")
	w.put(t, groupFile, "root:x:0:\nsudo:x:27:admin, eve,\n")
	w.put(t, shellsFile, "# shells\n/bin/sh\n\n/bin/bash\n")
	w.put(t, loginDefs, "# UMASK 077\nUMASK\t\t022\n")
	w.put(t, "/home/admin/.netrc", "machine secret")
	w.put(t, "/home/admin/.ssh/x", "")
	w.put(t, "/home/admin/seen", "")
	for i := range 1200 { // however many there are, none hides behind the others
		w.put(t, fmt.Sprintf("/home/admin/.%04d", i), "")
	}
	w.mode(t, "/home/admin/.0007", 0o662)
	a, err := w.host().accountFacts()
	if err != nil {
		t.Fatal(err)
	}
	want := []facts.User{
		{Name: "root", Home: "/root", Shell: "/bin/bash", Password: facts.PasswordLocked, Shadowed: true, Changed: 19000, MaxDays: 99999, Inactive: -1, Expires: -1},
		{Name: "old", UID: 5, GID: 5, Home: "/", Shell: "/bin/sh", Password: "md5", Changed: -1, MaxDays: -1, Inactive: -1, Expires: -1},
		{Name: "admin", UID: 1000, GID: 1000, Home: "/home/admin/", Shell: "/bin/bash", Password: "yescrypt", Shadowed: true, MaxDays: 365, Inactive: 30, Expires: 20000},
		{Name: "ghost", UID: 1001, GID: 1001, Home: "/home/ghost", Shell: "/bin/sh", Password: facts.PasswordNone, Shadowed: true, Changed: -1, MaxDays: -1, Inactive: -1, Expires: -1},
		{Name: "nobody", UID: 65534, GID: 65534, Home: "/nonexistent", Shell: "/usr/sbin/nologin", Password: facts.PasswordLocked, Shadowed: true, Changed: 19000, MaxDays: -1, Inactive: -1, Expires: -1},
	}
	if !slices.Equal(a.Users, want) {
		t.Errorf("users: %+v", a.Users)
	}
	if len(a.Groups) != 2 || !slices.Equal(a.Groups[1].Members, []string{"admin", "eve"}) || a.Umask != "022" || !slices.Equal(a.Shells, []string{"/bin/sh", "/bin/bash"}) {
		t.Errorf("accounts: %+v", a)
	}
	if len(a.Homes) != 3 || a.Homes[0].Stat.Kind != facts.KindAbsent || a.Homes[1].Path != "/home/admin" || len(a.Homes[1].Dotfiles) != 2 || a.Homes[1].Dotfiles[".0007"].Mode != 0o662 || a.Homes[1].Dotfiles[".netrc"].Kind != facts.KindFile {
		t.Errorf("homes: %+v", a.Homes)
	}
	if b, err := json.Marshal(a); err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("a secret is told: %s, %v", b, err)
	}
}

func TestAccountsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, *world){
		"no passwd":      func(t *testing.T, w *world) { w.drop(t, passwdFile) },
		"no shadow":      func(t *testing.T, w *world) { w.drop(t, shadowFile) },
		"a torn passwd":  func(t *testing.T, w *world) { w.put(t, passwdFile, "root:x:0:0:root\n") },
		"a wild number":  func(t *testing.T, w *world) { w.put(t, passwdFile, "root:x:-1:0:root:/root:/bin/sh\n") },
		"a torn group":   func(t *testing.T, w *world) { w.put(t, groupFile, "root:x\n") },
		"a group's word": func(t *testing.T, w *world) { w.put(t, groupFile, "root:x:zero:\n") },
	} {
		w := newWorld(t)
		spoil(t, w)
		if _, err := w.host().accountFacts(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A home on a disk that does not answer says nothing of the other accounts.
func TestAHomeThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, passwdFile, "root:x:0:0:root:/root:/bin/bash\neve:x:1000:1000::/home/"+strings.Repeat("x", 300)+":/bin/sh\nadmin:x:1001:1001::/home/admin:/bin/sh\n")
	w.put(t, shadowFile, "root:*:19000:0:99999:7:::\n")
	w.put(t, groupFile, "root:x:0:\n")
	w.put(t, "/home/admin/.netrc", "")
	a, err := w.host().accountFacts()
	if err != nil || len(a.Users) != 3 || len(a.Homes) != 3 {
		t.Fatalf("accounts: %+v, %v", a, err)
	}
	if a.Homes[0].Problem != "" || !strings.Contains(a.Homes[1].Problem, "name too long") || a.Homes[2].Problem != "" || len(a.Homes[2].Dotfiles) != 1 {
		t.Errorf("homes: %+v", a.Homes)
	}
}

func TestPasswordKinds(t *testing.T) {
	t.Parallel()
	for hash, want := range map[string]string{
		"": "empty", "!": "locked", "*": "locked", "!$6$x$y": "locked", "!!": "locked", "x": "locked", "*LK*": "locked",
		"$y$j9T$x": "yescrypt", "$gy$x": "gost-yescrypt", "$6$x$y": "sha512", "$5$x$y": "sha256", "$1$x$y": "md5", "$md5,rounds=9$x": "md5",
		"$2b$12$x": "bcrypt", "$7$x": "scrypt", "$3$$x": "nt", "$zz$x": "unknown", "$": "unknown", "abJnggxhB/yWI": "des", "_J9..rasmBYk8r9AiWNc": "des",
	} {
		if have := passwordKind(hash); have != want {
			t.Errorf("%q: %s, want %s", hash, have, want)
		}
	}
}

// Whatever a line looks like, its hash is never told.
func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n", "root:$y$j9T$abcdefghijklmnop$qrstuv:1:2:3:4:5:6:\n")
	f.Add("a:HASHHASHHASHH:1:1:::\n", "::\n")
	f.Fuzz(func(t *testing.T, passwd, shadow string) {
		users, err := parsePasswd(passwd, parseShadow(shadow))
		if err != nil {
			return
		}
		for _, u := range users {
			if u.Name == "" || u.Password == "" || strings.ContainsAny(u.Password, "$/.:") || u.UID < 0 {
				t.Errorf("user %+v", u)
			}
		}
	})
}

func FuzzGroups(f *testing.F) {
	f.Add("root:x:0:\nsudo:x:27:admin,eve\n")
	f.Fuzz(func(t *testing.T, text string) {
		groups, err := parseGroups(text)
		for _, g := range groups {
			if err == nil && (g.Name == "" || slices.Contains(g.Members, "")) {
				t.Errorf("group %+v", g)
			}
		}
	})
}
