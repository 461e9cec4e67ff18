package facts

// Outcome is how a transaction ended.
type Outcome struct {
	ID     string `json:"id"`
	Result string `json:"result"` // confirmed, rolled back, nothing changed
	At     int64  `json:"at"`     // Unix time
	// Notes are what could not be brought back, and did not keep the rest from it.
	Notes []string `json:"notes,omitempty"`
}

// How a transaction ends. One that was armed and never touched anything ends
// with NothingChanged.
const (
	Confirmed      = "confirmed"
	RolledBack     = "rolled back"
	NothingChanged = "nothing changed"
)
