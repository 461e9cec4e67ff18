package traefik

import (
	"strings"
	"testing"
)

const bareDaemonSet = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: traefik}\nspec: {updateStrategy: {rollingUpdate: {{ toJson .Values.updateStrategy.rollingUpdate }}}}\n"

func TestValidate(t *testing.T) {
	t.Parallel()
	for version := range schemas(t) {
		if err := validate(fixtureChart(t, version), []byte("priorityClassName: system-cluster-critical\n"), mustValues(t, mustChart(t, version))); err != nil {
			t.Errorf("chart %s: %v", version, err)
		}
	}
}

func TestValidateTakesLaterValuesFirst(t *testing.T) {
	t.Parallel()
	const roll = "updateStrategy: {type: RollingUpdate, rollingUpdate: "
	tgz := fixtureChart(t, "39.0.7", bareDaemonSet)
	if err := validate(tgz, []byte(roll+"{maxUnavailable: 1, maxSurge: 1}}"), []byte(roll+"{maxSurge: 0}}")); err != nil {
		t.Errorf("the second layer does not win: %v", err)
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	const roll = "updateStrategy: {type: RollingUpdate, rollingUpdate: "
	whole := fixtureChart(t, "39.0.7", bareDaemonSet)
	for name, c := range map[string]struct {
		tgz          []byte
		values, want string
	}{
		"no chart":         {nil, "", "load the chart"},
		"half a chart":     {whole[:len(whole)/2], "", "load the chart"},
		"no values":        {whole, "a: [", "read the values"},
		"unknown key":      {whole, "hostNetworks: true", "hostNetworks"},
		"wrong type":       {whole, "hostNetwork: 1", "hostNetwork"},
		"surge as well":    {whole, roll + "{maxUnavailable: 1, maxSurge: 1}}", "maxSurge together"},
		"shares":           {whole, roll + "{maxUnavailable: 10%, maxSurge: 20%}}", "maxSurge together"},
		"neither":          {whole, roll + "{maxUnavailable: 0, maxSurge: 0}}", "maxUnavailable 0 together"},
		"none of a share":  {whole, roll + "{maxUnavailable: 0%}}", "maxUnavailable 0 together"},
		"chart says no":    {fixtureChart(t, "39.0.7", `{{ fail "All hostPort must match" }}`), "", "All hostPort must match"},
		"not YAML":         {fixtureChart(t, "39.0.7", "a: b: c"), "", "not YAML"},
		"no DaemonSet":     {fixtureChart(t, "39.0.7", "kind: Deployment\nmetadata: {name: traefik}\n"), "", "no DaemonSet"},
		"another's":        {fixtureChart(t, "39.0.7", "kind: DaemonSet\nmetadata: {name: svclb}\n"), "", "no DaemonSet"},
		"nothing rendered": {fixtureChart(t, "39.0.7", ""), "", "no DaemonSet"},
	} {
		err := validate(c.tgz, []byte(c.values))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := validate(whole, []byte("nonsense: true")); hintOf(err) == "" {
		t.Errorf("no hint: %v", err)
	}
}

// validate is whether a chart takes the values.
func validate(chartTGZ []byte, values ...[]byte) error {
	_, err := render(chartTGZ, values...)
	return err
}
