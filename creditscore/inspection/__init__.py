"""Who is visited, and the proof that the draw was fair."""
