"""Policy files: reading, checking, activating, saving and rolling back."""
