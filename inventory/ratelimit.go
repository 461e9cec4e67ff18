package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// RateLimit is how many requests one client may make: AVERAGE/UNIT:BURST with
// unit s, m or h, such as 100/s:200, or "off".
type RateLimit string

// Off is the value of settings that can be switched off: a limit that does not
// apply, a header that the edge leaves alone.
const Off = "off"

// Rate is a RateLimit taken apart. The zero Rate, with Off set, is no limit.
type Rate struct {
	Average int           // requests in each Per
	Per     time.Duration // second, minute or hour
	Burst   int           // requests that may come at once
	Off     bool
}

const rateHint = "write average/unit:burst with unit s, m or h, such as 100/s:200, or off"

var (
	rateForm = regexp.MustCompile(`^([1-9][0-9]{0,6})/([smh]):([1-9][0-9]{0,6})$`)

	errRate = errors.New("not a rate limit")
)

// Parse takes the limit apart. An empty one is an error: what applies then is
// for the caller to know.
func (r RateLimit) Parse() (Rate, error) {
	if r == Off {
		return Rate{Off: true}, nil
	}
	m := rateForm.FindStringSubmatch(string(r))
	if m == nil {
		return Rate{}, withHint(fmt.Errorf("read %q: %w", string(r), errRate), rateHint)
	}
	rate := Rate{Per: map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[m[2]]}
	// The form has few enough digits for every int.
	rate.Average, _ = strconv.Atoi(m[1])
	rate.Burst, _ = strconv.Atoi(m[3])
	return rate, nil
}

// validateRate passes over a limit that was left out.
func validateRate(f *findings, path string, r RateLimit) {
	_, err := r.Parse()
	f.check(r == "" || err == nil, path, errRate.Error(), rateHint)
}
