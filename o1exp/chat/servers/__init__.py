"""Local servers behind the OpenAI protocol: a loopback server, a procedural teacher, llama.cpp."""
