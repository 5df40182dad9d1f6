/* commands.h - every command; each is defined in the file of its name */
#pragma once
#include "base/options.h"

extern const struct command cmd_capture;
extern const struct command cmd_down;
extern const struct command cmd_exec;
extern const struct command cmd_file;
extern const struct command cmd_key;
extern const struct command cmd_ls;
extern const struct command cmd_map;
extern const struct command cmd_plan;
extern const struct command cmd_read;
extern const struct command cmd_show;
extern const struct command cmd_test;
extern const struct command cmd_trace;
extern const struct command cmd_tunnel;
extern const struct command cmd_up;
extern const struct command cmd_why;
