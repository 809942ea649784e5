/* A sub-command: each is one file with one function, listed in main.c. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

/* argv[0] is "lamina NAME", for messages. Returns the exit status (message.h). */
int command_run(int argc, char **argv);

#endif
