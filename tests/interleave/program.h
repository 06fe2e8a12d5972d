#pragma once
/* exec with the kernel's own image builder. */

/* Memory object @object is a program of two pages: its header, and a page shown at BASE. */
void make_program(unsigned object);
/* The current thread, whose siblings leave, goes on in it as space @space; or -errno, in the old one. */
int exec_program(unsigned space);
