package hardening

import (
	"reflect"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

func checkRequired(*facts.Facts, Policy) Verdict { return unknown("not judged yet") }

func checkAdmins(*facts.Facts, Policy) Verdict { return unknown("not judged yet") }

func sameTable(a, b *firewall.Table) bool { return reflect.DeepEqual(a, b) }
