"""What model sources share: requests to a provider, its errors, and streams whose bytes pass through."""
