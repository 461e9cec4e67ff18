package fakecloudflare

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

// newTunnel makes one by the API.
func newTunnel(c client, name string) (id string, doc map[string]any) {
	c.t.Helper()
	c.must("POST", tunnelPath, map[string]string{"name": name, "config_src": "cloudflare"}, &doc)
	id, _ = doc["id"].(string)
	return id, doc
}

func TestATunnelsLife(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	id, made := newTunnel(c, "edge")
	if made["status"] != "inactive" || made["remote_config"] != true || made["deleted_at"] != nil {
		t.Errorf("made %v", made)
	}
	var token string
	c.must("GET", tunnelPath+"/"+id+"/token", nil, &token)
	text, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	var parts struct{ A, T, S string }
	if err := json.Unmarshal(text, &parts); err != nil || parts.A != TestAccount || parts.T != id || parts.S == "" || made["token"] != token {
		t.Errorf("token %s (%v)", text, err)
	}
	c.refused("POST", tunnelPath, doc{"name": "edge", "config_src": "cloudflare"}, http.StatusConflict, 1013)
	disconnect, err := r.PretendConnector(id)
	if err != nil {
		t.Fatal(err)
	}
	var now struct {
		Status      string
		Connections []struct{ ID string }
	}
	c.must("GET", tunnelPath+"/"+id, nil, &now)
	if now.Status != "healthy" || len(now.Connections) != 4 {
		t.Errorf("with a connector: %+v", now)
	}
	var connectors []struct {
		ID    string
		Conns []struct{ ID string }
	}
	c.must("GET", tunnelPath+"/"+id+"/connections", nil, &connectors)
	if len(connectors) != 1 || len(connectors[0].Conns) != 4 {
		t.Errorf("connectors %+v", connectors)
	}
	c.refused("DELETE", tunnelPath+"/"+id, nil, http.StatusBadRequest, 1022)
	disconnect()
	c.must("GET", tunnelPath+"/"+id, nil, &now)
	if now.Status != "down" {
		t.Errorf("without its connector: %+v", now)
	}
	c.must("DELETE", tunnelPath+"/"+id+"/connections", nil, nil)
	c.must("DELETE", tunnelPath+"/"+id, nil, nil)
	for _, path := range []string{"", "/configurations", "/token"} {
		method := map[string]string{"": "DELETE"}[path]
		if method == "" {
			method = "GET"
		}
		c.refused(method, tunnelPath+"/"+id+path, nil, http.StatusNotFound, 1003)
	}
	newTunnel(c, "edge") // the name is free again
	for query, want := range map[string]int{"": 2, "?is_deleted=false": 1, "?name=edge&is_deleted=true": 1, "?name=no": 0, "?status=down": 1, "?uuid=" + id: 1} {
		var found []doc
		c.must("GET", tunnelPath+query, nil, &found)
		if len(found) != want {
			t.Errorf("%s finds %d, want %d", query, len(found), want)
		}
	}
}

func TestTunnelsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := clientOf(t, Start(t, Options{}))
	c.refused("POST", tunnelPath, doc{}, http.StatusBadRequest, 1002)
	c.refused("POST", tunnelPath, doc{"name": "a", "config_src": "moon"}, http.StatusBadRequest, 1001)
	c.refused("POST", tunnelPath, doc{"name": "a", "tunnel_secret": "c2hvcnQ="}, http.StatusBadRequest, 1001)
	c.refused("GET", tunnelPath+"/"+newUUID(), nil, http.StatusNotFound, 1003)
	secret := base64.StdEncoding.EncodeToString(make([]byte, 32))
	var made struct {
		ID          string
		Source      string                        `json:"config_src"`
		Credentials struct{ TunnelSecret string } `json:"credentials_file"`
	}
	c.must("POST", tunnelPath, doc{"name": "a", "tunnel_secret": secret}, &made)
	if made.Source != "local" || made.Credentials.TunnelSecret != secret {
		t.Errorf("made %+v", made)
	}
	c.refused("PUT", tunnelPath+"/"+made.ID+"/configurations", doc{"config": doc{}}, http.StatusNotImplemented, NotTaught)
}

func TestConfigurationIsReplacedWhole(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	id, _ := newTunnel(c, "edge")
	path := tunnelPath + "/" + id + "/configurations"
	var got struct {
		Version int
		Config  *ingress.Config
	}
	c.must("GET", path, nil, &got)
	if got.Version != 0 || got.Config != nil {
		t.Errorf("at first %+v", got)
	}
	rest := doc{"service": "http_status:404"}
	c.must("PUT", path, doc{"config": doc{"ingress": []doc{{"hostname": "a.lab.test", "service": "http://127.0.0.1:8444"}, rest}}}, &got)
	if got.Version != 1 || len(got.Config.Ingress) != 2 {
		t.Errorf("then %+v", got)
	}
	c.refused("PUT", path, doc{"config": doc{"ingress": []doc{{"hostname": "a.lab.test", "service": "http://127.0.0.1:8444"}}}}, http.StatusBadRequest, 1056)
	c.must("PUT", path, doc{"config": doc{"ingress": []doc{rest}}}, nil)
	config, version, err := r.Configuration(id)
	if err != nil || version != 2 || len(config.Ingress) != 1 {
		t.Errorf("at last version %d, %+v, %v", version, config, err)
	}
	if err := r.Configure(id, ingress.Config{}); err == nil {
		t.Error("a hand may write what Cloudflare refuses")
	}
	if _, _, err := r.Configuration("none"); err == nil {
		t.Error("a tunnel that is not there has a configuration")
	}
}

func TestATunnelMadeByHand(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	tunnel, token, err := r.AddTunnel(TestAccount, "hand", "cloudflare")
	if err != nil || token == "" {
		t.Fatal(err)
	}
	if _, _, err := r.AddTunnel(TestAccount, "hand", "cloudflare"); err == nil {
		t.Error("two tunnels have one name")
	}
	if err := r.DeleteTunnel(tunnel.ID); err != nil {
		t.Fatal(err)
	}
	if all := r.Tunnels(); len(all) != 1 || all[0].Deleted == nil {
		t.Errorf("after deleting it: %+v", all)
	}
	if err := r.DeleteTunnel("none"); err == nil {
		t.Error("a tunnel that is not there can be deleted")
	}
}
