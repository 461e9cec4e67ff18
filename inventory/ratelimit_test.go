package inventory

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[RateLimit]Rate{
		"100/s:200": {Average: 100, Per: time.Second, Burst: 200},
		"1/m:1":     {Average: 1, Per: time.Minute, Burst: 1},
		"5/h:7":     {Average: 5, Per: time.Hour, Burst: 7},
		Off:         {Off: true},
	} {
		if got, err := limit.Parse(); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", limit, got, err, want)
		}
	}
	for _, limit := range []RateLimit{"", "100", "100/s", "100/s:", "0/s:1", "1/s:0", "01/s:1", "1/d:1", "1/s:1 ", "-1/s:1", "1/s:99999999", "OFF", "1.5/s:2", "100r/s:200"} {
		if got, err := limit.Parse(); !errors.Is(err, errRate) || got != (Rate{}) || hintOf(err) == "" {
			t.Errorf("%q is %+v, %v", limit, got, err)
		}
	}
}

func FuzzRateLimit(f *testing.F) {
	for _, s := range []string{"100/s:200", "off", "", "1/h:9999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rate, err := RateLimit(s).Parse()
		if err != nil || rate.Off {
			return
		}
		unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[rate.Per]
		if again := fmt.Sprintf("%d/%s:%d", rate.Average, unit, rate.Burst); again != s || rate.Average < 1 || rate.Burst < 1 {
			t.Errorf("%q is %+v", s, rate)
		}
	})
}
