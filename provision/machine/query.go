package machine

// Query is a command that only looks. Its zero value is refused and it can be
// made by the constructors of this file only, so that a Reader stays one.
type Query struct {
	command Command
}

// Command returns what the transport has to run.
func (q Query) Command() Command { return q.command }

// NodeFacts asks the node agent at path for its facts; request is the JSON
// document that says what to look at. It goes through env because sudo says
// exit 1 of a program that is not there, and env says 127.
func NodeFacts(path string, request []byte) Query {
	return Query{Command{Argv: []string{"/usr/bin/env", path, "facts"}, Stdin: request, Root: true}}
}

// Look asks the node agent at path for the look that the JSON document request
// names.
func Look(path string, request []byte) Query {
	return Query{Command{Argv: []string{"/usr/bin/env", path, "look"}, Stdin: request, Root: true}}
}

// CloudInitStatus asks how far cloud-init is, as a JSON document.
func CloudInitStatus() Query {
	return Query{Command{Argv: []string{"cloud-init", "status", "--format", "json"}}}
}

// CloudInitOff succeeds when cloud-init is switched off by its marker. It is a
// program's answer and not the shell's, like all others.
func CloudInitOff() Query {
	return Query{Command{Argv: []string{"ls", "/etc/cloud/cloud-init.disabled"}}}
}

// Architecture asks for the kernel's machine name, such as x86_64.
func Architecture() Query {
	return Query{Command{Argv: []string{"uname", "-m"}}}
}

// SudoWorks succeeds when sudo asks for no password.
func SudoWorks() Query {
	return Query{Command{Argv: []string{"true"}, Root: true}}
}
