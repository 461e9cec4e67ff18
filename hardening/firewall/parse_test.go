package firewall

import (
	"os"
	"path/filepath"
	"testing"
)

func TestParseIsWhatTheKernelMakesOfIt(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "reference.nft"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if same, diff := Equal(reference(t), table); !same {
		t.Errorf("not the recorded table: %v", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const head = "table inet k3sedge {\nchain c {\ntype filter hook input priority filter; policy drop;\n"
	for _, text := range []string{
		"", "nonsense", "table inet x {\nchain c {", "table inet x {\nset s {\n", "table inet x {\nset s {\nsize 3\n}\n}",
		"table inet x {\nset s {\nelements = {\n10.0.0.0/24\n}\n}\n}", "table inet x {\nset s {\nelements = {\nlan . 22\n}\n}\n}", "table inet x {\nset s {\nelements = {\n10.0.0.0/24 . ssh\n}\n}\n}",
		"table inet x {\nchain c {\ntype filter\n}\n}", "table inet x {\nchain c {\ntype filter hook input priority soon; policy drop;\n}\n}", "table inet x {\nchain c {\ntype filter hook input priority filter - x; policy drop;\n}\n}",
		head + "tcp sport 22 accept\n}\n}", head + "iif \"eth0\" accept\n}\n}", head + "ip ttl 1 accept\n}\n}", head + "ip saddr here accept\n}\n}", head + "ip saddr . sctp dport @s accept\n}\n}",
		head + "ct mark 1 accept\n}\n}", head + "ct state strange accept\n}\n}", head + "meta l4proto { } accept\n}\n}", head + "limit rate 5/blink accept\n}\n}", head + "comment \"open\n}\n}",
	} {
		if table, err := Parse(text); err == nil {
			t.Errorf("%q: got %+v", text, table)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "reference.nft"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("table inet x {\nchain c {\ntype filter hook input priority filter - 10; policy drop;\nip saddr 10.0.0.0/9 accept\n}\n}")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(text)
		if err == nil && table.Name == "" {
			t.Error("a table without a name")
		}
	})
}
