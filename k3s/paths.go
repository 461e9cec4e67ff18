package k3s

import "github.com/k3sedge/k3sedge/inventory"

// Where K3s and we keep things on a node.
const (
	binaryPath   = "/usr/local/bin/k3s"
	settingsDir  = "/etc/rancher/k3s"
	configPath   = settingsDir + "/config.yaml"
	psaPath      = settingsDir + "/psa.yaml"
	auditPath    = settingsDir + "/audit.yaml"
	dataDir      = "/var/lib/rancher/k3s"
	imagesDir    = dataDir + "/agent/images"
	serverDir    = dataDir + "/server"
	logsDir      = serverDir + "/logs"
	manifestsDir = serverDir + "/manifests"
	// The full tokens, with which others join, are written by K3s itself.
	serverTokenPath = serverDir + "/token"
	agentTokenPath  = serverDir + "/agent-token"
	unitDir         = "/etc/systemd/system"
	stateDir        = "/var/lib/k3sedge"
	markerPath      = stateDir + "/k3s-started"
	// containerPath is there in every container, where systemd itself puts it.
	containerPath = "/run/systemd/container"
)

const (
	serverUnit = "k3s.service"
	agentUnit  = "k3s-agent.service"
)

func unitOf(role inventory.Role) string {
	if role == inventory.Server {
		return serverUnit
	}
	return agentUnit
}

func otherUnit(role inventory.Role) string {
	if role == inventory.Server {
		return agentUnit
	}
	return serverUnit
}
