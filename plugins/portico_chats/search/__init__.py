"""Finding chats by what is said in them."""
