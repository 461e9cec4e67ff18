package inventory

// SecretRef says where a secret is kept: env:NAME, file:PATH or cmd:COMMAND.
// It holds no secret itself.
type SecretRef string

// Secret is a secret's value. Whatever prints it prints ***.
type Secret struct{ value string }

// NewSecret wraps a value so that it cannot be printed by accident.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return s.value }

// String returns ***.
func (s Secret) String() string { return "***" }

// GoString returns ***.
func (s Secret) GoString() string { return "***" }

// MarshalText returns ***, so that no encoder writes the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
