package cloudflared

// Version is the cloudflared that runs. It is the one place that names it.
const Version = "2026.8.2"

// Image is where nodes get it, unless they have it already.
func Image() string { return "docker.io/cloudflare/cloudflared:" + Version }
