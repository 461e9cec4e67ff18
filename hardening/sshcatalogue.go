package hardening

import (
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func sshControls() []Control {
	return slices.Concat(sshLoginControls(), sshFileControls(), sshCryptoControls(), sshLimitControls())
}

// sshLoginControls are about who gets in, and by what.
func sshLoginControls() []Control {
	return []Control{
		settingControl(Control{
			ID: "SSH-01", Title: "Password login is off for every user and source", Severity: Critical,
			Why:  "a password can be guessed from anywhere that reaches the port",
			Want: "PasswordAuthentication no in every cell of the matrix of users and sources",
			Refs: []string{"dev-sec sshd-27"},
		}),
		settingControl(Control{
			ID: "SSH-02", Title: "Keyboard-interactive login is off", Severity: Critical,
			Why:  "it is password login by another name",
			Want: "KbdInteractiveAuthentication no for every user from every source",
			Refs: []string{"dev-sec sshd-29"},
		}),
		rootLogin(settingControl(Control{
			ID: "SSH-03", Title: "Root login is off", Severity: High,
			Why:  "root is the one name that every attacker knows, and its logins name nobody",
			Want: "PermitRootLogin no; by key alone it is a failure of severity medium",
			Refs: []string{"dev-sec sshd-06", "CIS Debian 12 5.1.20"},
		})),
		settingControl(Control{
			ID: "SSH-04", Title: "Public key is the only method", Severity: High,
			Why:  "a method nobody uses is a door nobody watches",
			Want: "AuthenticationMethods publickey, PubkeyAuthentication yes",
			Refs: []string{"dev-sec sshd-22"},
		}),
		settingControl(Control{
			ID: "SSH-07", Title: "Empty passwords, host-based login, rhosts and user environments are off", Severity: High,
			Why:  "each of them lets somebody in, or change the session, without a key",
			Want: "PermitEmptyPasswords, HostbasedAuthentication and PermitUserEnvironment no, IgnoreRhosts yes",
			Refs: []string{"dev-sec sshd-28,25,23,17", "CIS Debian 12 5.1.10,11,19,21"},
		}),
		settingControl(Control{
			ID: "SSH-12", Title: "Login is restricted to the admin", Severity: Medium,
			Why:  "accounts that packages create must not become logins",
			Want: "AllowUsers names ssh.user; others may stand beside it by name, not by a pattern",
			Refs: []string{"lynis SSH-7440", "CIS Debian 12 5.1.4"},
		}),
	}
}

// sshFileControls are about where sshd's settings come from, and whether they count.
func sshFileControls() []Control {
	return []Control{
		{
			ID: "SSH-05", Title: "No drop-in outranks ours", Severity: High,
			Why:   "sshd takes the first value it reads, so an earlier file wins silently",
			Want:  sshdDropIn + " decides every managed keyword, and cloud-init does not turn passwords on again",
			Refs:  []string{"cfengine#2136"},
			Needs: []Part{PartSSHD, PartFiles}, Files: []string{sshdDropIn, cloudConfig, cloudDropIn},
			Check: checkPrecedence, Mend: mendPrecedence,
		},
		{
			ID: "SSH-06", Title: "No Match block weakens a managed keyword", Severity: High,
			Why:   "a Match block gives some users or sources other rules than the ones one reads",
			Want:  "the same answer for every user from every source; a block for internal-sftp alone is let be",
			Refs:  []string{"CIS Debian 12 5.1"},
			Needs: []Part{PartSSHD, PartFiles}, Files: []string{sshdDropIn},
			Check: checkMatches, Mend: mendSSHD,
		},
		{
			ID: "SSH-16", Title: "sshd's configuration and the authorized keys are as we know them", Severity: High,
			Why:   "a key that nobody knows is a login that nobody knows",
			Want:  "root's files with mode 0600 or 0644; only the keys of ssh.authorizedKeys, no DSA and no RSA below 3072 bits",
			Refs:  []string{"dev-sec sshd-05", "CIS Debian 12 5.1.1", "debian-cis ssh_keys_from"},
			Needs: []Part{PartSSHD, PartLogins, PartFiles}, Files: []string{sshdConfig, sshdDropIn, sshdFiles},
			Check: checkIntegrity, Mend: mendIntegrity,
		},
		{
			ID: "SSH-17", Title: "The sshd that runs is the one that its files describe", Severity: Medium,
			Why:   "a file that sshd has not read, and a port that nobody meant, show in no configuration",
			Want:  "sshd has read its files since they were last changed, listens at ssh.port only, and by itself",
			Refs:  []string{"pavois, qualified verdict"},
			Needs: []Part{PartSystem, PartSSHD, PartDaemon, PartListeners, PartUnits}, Units: []string{sshdSocket},
			Conflict: "lynis wants another port than 22: whoever scans finds it all the same, so the port is yours (ssh.port)",
			Check:    checkRunning, Mend: mendRunning,
		},
	}
}

// sshCryptoControls are about what a connection rests on.
func sshCryptoControls() []Control {
	wire := func(c Control) Control {
		c.Needs, c.Files, c.Mend = []Part{PartSystem, PartSSHD, PartOffer, PartFiles}, []string{sshdDropIn}, mendCrypto
		return c
	}
	return []Control{
		wire(Control{
			ID: "SSH-08", Title: "Key exchange is of today, also against a quantum computer", Severity: High,
			Why:  "what is recorded today can be read when its key exchange falls",
			Want: "the list for Debian 12 or 13, in the files and on the wire; one that holds against a quantum computer, and one that our own SSH client speaks",
			Refs: []string{"dev-sec sshd-02", "CIS Debian 13 5.1.12", "CIS Debian 13 5.1.13", "ssh-audit"},
			Conflict: "dev-sec names three exactly, ssh-audit 2.5.0 calls sntrup761 experimental, CIS Debian 13 demands it. " +
				"k3sedge takes the list of ssh-audit's newest policy for each release, where some of it our own client speaks",
			Check: checkKeyExchanges,
		}),
		wire(Control{
			ID: "SSH-09", Title: "Ciphers are AEAD or CTR, MACs are encrypt-then-MAC", Severity: High,
			Why:      "CBC and MACs over the plain text have let attackers read and cut what was sent",
			Want:     "the lists for Debian 12 or 13, in the files and on the wire",
			Refs:     []string{"dev-sec sshd-01", "dev-sec sshd-03", "CIS Debian 12 5.1.6", "CIS Debian 12 5.1.15", "ssh-audit"},
			Conflict: "dev-sec lists hmac-sha2-256 and hmac-sha2-512 as well, ssh-audit warns of them as encrypt-and-MAC. k3sedge takes encrypt-then-MAC only",
			Check:    func(f *facts.Facts, p Policy) Verdict { return checkCrypto(f, p, "SSH-09") },
		}),
		{
			ID: "SSH-10", Title: "Host keys are ed25519 and strong RSA", Severity: Medium,
			Why:   "whoever has the host key is the host",
			Want:  "ed25519, RSA of 3072 bits or more beside it, nothing else offered; mode 0600, root's",
			Refs:  []string{"dev-sec sshd-14", "dev-sec sshd-50", "CIS Debian 12 5.1.2", "CIS Debian 12 5.1.3", "ssh-audit"},
			Needs: []Part{PartSSHD, PartHostKeys, PartFiles}, Files: []string{sshdDropIn},
			Check: checkHostKeys, Mend: mendHostKeys,
		},
		{
			ID: "SSH-11", Title: "The groups for the group exchange have 3072 bits or more", Severity: Medium,
			Why:     "a client may ask for the smallest group that the server has",
			Want:    "no group below 3072 bits in /etc/ssh/moduli",
			When:    "sshd offers diffie-hellman-group-exchange",
			Refs:    []string{"dev-sec sshd-48", "ssh-audit"},
			Needs:   []Part{PartSSHD, PartModuli},
			Applies: offersGroupExchange, Check: checkModuli, Mend: mendModuli,
			Conflict: "dev-sec is content with 2048 bits, ssh-audit is not. The file is filtered, and the exchange stays on Debian 12: ssh-audit's policy for it names it",
		},
	}
}

// sshLimitControls are about what a connection may do.
func sshLimitControls() []Control {
	return []Control{
		settingControl(Control{
			ID: "SSH-13", Title: "Forwarding is closed but for what k3sedge needs", Severity: Medium,
			Why:  "a connection that forwards is a way around the firewall",
			Want: "X11, agent, sockets, tunnels and gateway ports off; TCP off, but on a server of the cluster to 127.0.0.1:6443, and on a jump host to the nodes",
			Refs: []string{"dev-sec sshd-38..42", "CIS Debian 12 5.1.8", "lynis SSH-7408"},
			Conflict: "dev-sec and lynis want no TCP forwarding, CIS level 2 wants DisableForwarding. The API is reached through SSH so that 6443 stays closed; " +
				"so a server forwards to that one address, and the other nodes forward nothing",
		}),
		settingControl(Control{
			ID: "SSH-14", Title: "Strangers are slowed down", Severity: Medium,
			Why:  "each attempt costs the attacker nothing and the host a process",
			Want: "MaxAuthTries 1 to 4, LoginGraceTime 1 to 60, MaxStartups 10:30:60 or tighter, MaxSessions 4 to 10; on Debian 13 penalties on, with the admins' networks exempt",
			Refs: []string{"dev-sec sshd-18..21", "CIS Debian 12 5.1.13-18", "lynis SSH-7408"},
			Conflict: "MaxAuthTries: dev-sec 2, lynis 3, CIS 4; k3sedge sets 3. MaxSessions: dev-sec and CIS 10, lynis 2; " +
				"with fewer than 4 the sessions of k3sedge itself are refused, so it sets 10",
		}),
		settingControl(Control{
			ID: "SSH-15", Title: "Idle connections end, logins leave a trail", Severity: Low,
			Why:      "a forgotten session is an open door, and a login without its key's fingerprint names nobody",
			Want:     "ClientAliveInterval 1 to 300, ClientAliveCountMax 1 to 3, LogLevel VERBOSE, PrintLastLog yes",
			Refs:     []string{"dev-sec sshd-13/36/37", "CIS Debian 12 5.1.7", "CIS Debian 12 5.1.14"},
			Conflict: "ClientAliveCountMax: dev-sec 3, lynis 2; k3sedge sets 2. PrintLastLog: dev-sec no, lynis yes; k3sedge says yes, for it tells a user of logins that were not his",
		}),
	}
}
