package machine

import (
	"context"
	"io"
	"io/fs"
	"net"
)

// Reader looks at one host and cannot change it.
type Reader interface {
	// Query runs one of the commands of this package that only look.
	// A non-zero exit is an *ExitError; a host that could not be reached is
	// an *UnreachableError. Neither is ever reported as an empty answer.
	Query(ctx context.Context, q Query) (Output, error)
}

// Host is one host that may be changed.
type Host interface {
	Reader
	// Run runs a command that may change the host. Errors are those of Query.
	Run(ctx context.Context, c Command) (Output, error)
	// WriteFile puts a file in its place atomically, as root: a reader sees
	// the old content or the new, never a part.
	WriteFile(ctx context.Context, f File) error
}

// Placer puts the node agent on a host: the one file that a check may write.
type Placer interface {
	// Place makes sure that the agent stands at Agent.Path, owned by root and
	// writable by nobody else. It does nothing when the file is already there.
	Place(ctx context.Context, a Agent) error
}

// Agent is the node agent's program. Its path carries the hash of its
// content, so that a file that is there is the right one.
type Agent struct {
	Path    string // absolute path on the host
	Content []byte
}

// File is a whole file to put on a host.
type File struct {
	Path    string
	Content []byte
	Mode    fs.FileMode
}

// Command is a program with its arguments, run without a shell in between
// as far as the caller can tell: the transport quotes every argument.
type Command struct {
	Argv  []string
	Stdin []byte
	// Root asks for sudo without a password prompt.
	Root bool
	// Secrets are masked wherever the command is shown. They belong in
	// Stdin; an argument is visible to every user of the host.
	Secrets []string
}

// Output is what a command printed.
type Output struct {
	Stdout, Stderr []byte
}

// Session is a Host with a connection of its own, which has to be closed.
type Session interface {
	Host
	Close() error
}

// Redialer opens a second, new connection to its host: TCP, host key and
// authentication from the start. It is the proof that a change of sshd or of
// the firewall did not lock anybody out; the old connection proves nothing.
type Redialer interface {
	Redial(ctx context.Context) (Session, error)
}

// Dialer opens connections that begin on its host, as a process there would.
type Dialer interface {
	// Dial connects to host:port from the host. A server that is not there is
	// a *DialError; a host that could not be reached an *UnreachableError.
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// Uploader puts large files on a host.
type Uploader interface {
	// Upload puts the file in its place atomically, as root, and only if what
	// arrived has the checksum. A broken upload leaves nothing in its place.
	Upload(ctx context.Context, u Upload) error
}

// Upload is a file too large to be held in memory.
type Upload struct {
	Path   string
	Mode   fs.FileMode
	Size   int64  // bytes
	SHA256 string // hexadecimal
	Open   func() (io.ReadCloser, error)
	// Progress is told how many bytes have arrived; it may be nil.
	Progress func(sent int64)
}
