package node

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a container that has this machine's programs and runs a script.
func shell(t *testing.T, script string) sandbox {
	t.Helper()
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("containers need root")
	}
	s := sandbox{
		Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "WHO=me"}, Root: t.TempDir(), Scratch: t.TempDir(),
		UID: 65532, GID: 65532, Groups: []int{7}, NoNewPrivs: true, ReadOnly: true,
	}
	for _, dir := range []string{"/bin", "/usr", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			s.Mounts = append(s.Mounts, bind{dir, dir, true})
		}
	}
	return s
}

func started(t *testing.T, s sandbox) (*process, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "0.log")
	p, err := launch(s, filepath.Join(t.TempDir(), "spec.json"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(0) })
	return p, log
}

func said(t *testing.T, log string) string {
	t.Helper()
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAContainerIsWhatItsPodSays(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	if err := os.Chmod(volume, 0o777); err != nil {
		t.Fatal(err)
	}
	s := shell(t, `echo "$$ $WHO $(id -u):$(id -g):$(id -G)"; grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status
		touch /file 2>/dev/null || echo root is read-only; echo kept > /data/file; ls /home 2>/dev/null; exit 3`)
	s.Mounts = append(s.Mounts, bind{volume, "/data", false})
	p, log := started(t, s)
	<-p.done
	got := strings.Join(strings.Fields(said(t, log)), " ")
	want := "1 me 65532:65532:65532 7 CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 root is read-only"
	if got != want || p.code != 3 {
		t.Errorf("code %d, said %q", p.code, got)
	}
	if kept, err := os.ReadFile(filepath.Join(volume, "file")); err != nil || string(kept) != "kept\n" {
		t.Errorf("the volume has %q, %v", kept, err)
	}
}

func TestAContainerIsFoundAgain(t *testing.T) {
	t.Parallel()
	p, _ := started(t, shell(t, "trap 'exit 0' TERM; while :; do sleep 0.05; done"))
	if _, ok := adopt(p.pid, p.start+1); ok {
		t.Error("took a process for another that had its PID before")
	}
	again, ok := adopt(p.pid, p.start)
	if !ok || !again.running() {
		t.Fatal("not found again")
	}
	again.stop(0)
	<-p.done
	if p.signal != int(syscall.SIGKILL) || again.code != lostCode {
		t.Errorf("signal %d, code %d", p.signal, again.code)
	}
	if _, ok := adopt(p.pid, p.start); ok {
		t.Error("took over a process that has ended")
	}
}

func TestAContainerIsAskedToEnd(t *testing.T) {
	t.Parallel()
	p, log := started(t, shell(t, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
	for said(t, log) != "up\n" {
		select {
		case <-p.done:
			t.Fatal(said(t, log))
		case <-time.After(5 * time.Millisecond):
		}
	}
	p.stop(time.Minute)
	if p.code != 0 || lastLine(log) != "bye" {
		t.Errorf("code %d, said %q", p.code, said(t, log))
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := shell(t, "")
	s.Args = []string{"nothing"}
	p, log := started(t, s)
	<-p.done
	if p.code != 1 || !strings.Contains(lastLine(log), `"nothing": executable file not found`) {
		t.Errorf("code %d, said %q", p.code, said(t, log))
	}
}
