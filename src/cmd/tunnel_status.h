/* tunnel_status.h - `warren tunnel status`: its output, in text and in JSON */
#pragma once
#include <stdbool.h>

/* tunnel_status_run - of one device, or of all that run here when name is NULL;
 * the exit status */
int tunnel_status_run(const char *name, bool json);
