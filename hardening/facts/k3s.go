package facts

// K3sRequest says what is looked at where K3s runs.
type K3sRequest struct {
	// API is address:port of a server's own API, "" on an agent, which keeps
	// nothing of what is looked for.
	API string `json:"api"`
}

// K3s is what a server of K3s keeps on its disk. What could not be looked at
// is nil and named in the problems, such as "k3s audit".
type K3s struct {
	Encryption *Encryption `json:"encryption"`
	Audit      *AuditLog   `json:"audit"`
}

// Encryption is how Secrets are kept on disk. It holds no key.
type Encryption struct {
	// Providers are those that the API server was given for Secrets, in order:
	// the first encrypts, all of them decrypt.
	Providers []string `json:"providers"`
	// Store is the datastore's file, "" where there is none on this node;
	// Sealed and Plain count what is found in it of Secrets, older versions
	// and freed pages among them.
	Store  string `json:"store"`
	Sealed int    `json:"sealed"`
	Plain  int    `json:"plain"`
}

// AuditLog is the API server's log of requests.
type AuditLog struct {
	Path string `json:"path"`
	// ID is the one that the API server gave to a request that this look made
	// without credentials; Found says whether the log has it.
	ID    string `json:"id"`
	Found bool   `json:"found"`
	// Newest is the time of the last event, as it stands there.
	Newest string `json:"newest"`
}
