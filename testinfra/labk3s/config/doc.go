// Package config reads the settings of the lab's K3s from where K3s reads
// them: config.yaml, then config.yaml.d/*.yaml in alphabetical order, then the
// command line. The last one wins; "key+" appends to a list. K3s warns of a
// key that it does not know; the stand-in refuses it. It also knows what
// kind of machine this is. It imports nothing of ours.
package config
