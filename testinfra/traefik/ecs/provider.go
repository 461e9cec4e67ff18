package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

var errLeftOut = errors.New("the lab's Traefik is built without the provider ecs")

// Provider has none of the real one's settings.
type Provider struct{}

// Init always fails.
func (Provider) Init() error { return errLeftOut }

// Provide always fails.
func (Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return errLeftOut }
