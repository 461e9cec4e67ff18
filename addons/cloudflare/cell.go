package cloudflare

import "sync"

// cell holds what was read once, until it is forgotten.
type cell[T any] struct {
	mu    sync.Mutex
	known bool
	value T
}

// get reads the value unless it is known. What could not be read is not kept.
func (c *cell[T]) get(read func() (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.value, nil
	}
	value, err := read()
	if err == nil {
		c.value, c.known = value, true
	}
	return value, err
}

func (c *cell[T]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
}
