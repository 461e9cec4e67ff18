package hardening

import (
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// appArmorFile says whether the kernel enforces AppArmor's profiles.
const appArmorFile = "/sys/module/apparmor/parameters/enabled"

func surfaceControl() Control {
	c := sysctlControl(Control{
		ID: "KRN-12", Title: "What nobody needs of the kernel is off, AppArmor is on", Severity: Low,
		Why:  "the magic key, another kernel by kexec and rare terminal drivers are ways for somebody who is root already to become more",
		Want: "kernel.sysrq 0, kexec_load_disabled 1, ldisc_autoload 0, AppArmor enabled",
		Refs: []string{"CIS Debian 12 1.3.1.1", "dev-sec sysctl-30", "lynis KRNL-6000"},
		When: notInContainer, Applies: ownKernel,
		Files: []string{appArmorFile},
	})
	check, mend := c.Check, c.Mend
	c.Check = func(f *facts.Facts, p Policy) Verdict { return with(check(f, p), noAppArmor(f), "AppArmor Y") }
	c.Mend = func(f *facts.Facts, p Policy) Mend {
		m := mend(f, p)
		if len(noAppArmor(f)) > 0 {
			m.Advice = append(m.Advice, "add `apparmor=1 security=apparmor` to GRUB_CMDLINE_LINUX in /etc/default/grub, run `update-grub` and restart")
		}
		return m
	}
	return c
}

func noAppArmor(f *facts.Facts) []string {
	if strings.TrimSpace(f.Files[appArmorFile].Content) == "Y" {
		return nil
	}
	return []string{appArmorFile + ": " + strings.TrimSpace(f.Files[appArmorFile].Content)}
}
