// Package endpoint has what a connector to Venafi would do. It may import
// certificate.
package endpoint
