package inventory

// RateLimit is how many requests one client may make: AVERAGE/UNIT:BURST with
// unit s, m or h, such as 100/s:200, or "off".
type RateLimit string
