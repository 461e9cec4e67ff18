package inventory

// Proxmox is a Proxmox VE host, 8 or 9.
type Proxmox struct {
	Endpoint string `yaml:"endpoint"` // https://pve.lan:8006
	// TLSPin is "sha256/" and the base64 SHA-256 of the server's public key
	// (SPKI). Exactly one of TLSPin and CAFile is set.
	TLSPin string `yaml:"tlsPin,omitempty"`
	CAFile string `yaml:"caFile,omitempty"`
	Token  Token  `yaml:"token"`
	Node   string `yaml:"node"`
	Pool   string `yaml:"pool,omitempty"`
	Bridge string `yaml:"bridge,omitempty"`
	VLAN   int    `yaml:"vlan,omitempty"` // 0 for none
	// VMIDs is the range from which VMs get their numbers.
	VMIDs    Range   `yaml:"vmids,omitempty"`
	Storage  Storage `yaml:"storage,omitempty"`
	Image    *Image  `yaml:"image,omitempty"`    // exactly one of Image and Template is set
	Template int     `yaml:"template,omitempty"` // VMID of a template to clone
}

// Token is a Proxmox API token.
type Token struct {
	ID     string    `yaml:"id"` // user@realm!name
	Secret SecretRef `yaml:"secret"`
}

// Storage names the Proxmox storages for disks and for the image and the seed ISO.
type Storage struct {
	Disks string `yaml:"disks,omitempty"`
	Image string `yaml:"image,omitempty"` // content import
	ISO   string `yaml:"iso,omitempty"`   // content iso
}

// Image is a cloud image that Proxmox downloads itself.
type Image struct {
	URL      string `yaml:"url"`
	Checksum string `yaml:"checksum"` // sha512:HEX or sha256:HEX
}
