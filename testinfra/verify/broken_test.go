package verify

import (
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
)

func TestAFindingOfSeverityLowBreaksNoPromise(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status   hardening.Status
		severity hardening.Severity
		want     bool
	}{
		{hardening.Fail, hardening.Low, false}, {hardening.Fail, hardening.Medium, true}, {hardening.Fail, hardening.Critical, true},
		{hardening.Pass, hardening.High, false}, {hardening.Waived, hardening.High, false},
	} {
		f := report.Finding{}
		f.Status, f.Severity = tc.status, tc.severity
		if got := broken(f); got != tc.want {
			t.Errorf("%s, %s: %v", tc.status, tc.severity, got)
		}
	}
}
