"""What is generated after a reply, without a request: follow-up questions, then the title, then the tags of the chat."""
