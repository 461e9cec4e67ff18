// Package fakehost is a host in memory, for testing steps that look at one and
// change it without a machine.
//
// It is a machine.Host, a machine.Uploader, a machine.Dialer and a look.Looker
// over one State: what WriteFile and Upload put there, Look finds. It refuses
// what the real host refuses (a path that is not clean, a folder that is not
// there, a checksum that is not right), and it fails the test on every command
// and query that the test has not told it about.
//
//	h := fakehost.New(t)
//	h.OnRun = func(s *fakehost.State, c machine.Command) (machine.Output, error) {
//		switch c.String() {
//		case "systemctl start k3s.service":
//			s.Units["k3s.service"] = fakehost.Running()
//			return machine.Output{}, nil
//		}
//		return machine.Output{}, fakehost.ErrUnknown
//	}
//	h.Edit(func(s *fakehost.State) { s.Sysctls["vm.overcommit_memory"] = "1" })
//	… run the steps against h …
//	h.Changes() // "run systemctl start k3s.service", "write /etc/…", "upload /usr/…"
//
// For kill tests Fault is called before each change with its number, from 1;
// its error is what the change returns, and nothing is changed:
//
//	h.Fault = func(n int, change string) error { if n == 3 { return errKilled }; return nil }
//
// OnRun, OnQuery, OnDial and Fault are set before the host is used. The first
// two run under the host's lock: they may change the State that they are given,
// and must not call the host.
//
// It imports provision/machine and provision/machine/look.
package fakehost
