/* value.h - what a text in a file means, once the schema says what it must be
 *
 * Each function takes the whole text or nothing; out is untouched when it is
 * something else.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* value_bool - yes, no, on, off, true, false; upper or lower case */
bool value_bool(bool *out, const char *text);

/* value_number - decimal digits, or 0x and hexadecimal ones */
bool value_number(uint64_t *out, const char *text);

/* value_rate - bits per second: "10mbit", "1.5gbit", "64kbit", "800bit", "1mbps" (bytes), as `tc`
 */
bool value_rate(uint64_t *out, const char *text);

/* value_duration - nanoseconds: "20ms", "1.5s", "100us"; a bare number is seconds */
bool value_duration(uint64_t *out, const char *text);

/* value_share - "1%", "0.5%": 0 to 1 */
bool value_share(double *out, const char *text);

/* value_mac - "02:00:00:00:00:01", no group address */
bool value_mac(uint8_t out[6], const char *text);

/* value_count - how often: "3", "=3", ">=1", "<=2", ">0", "<5", "2..4" */
bool value_count(uint32_t *least, uint32_t *most, const char *text);

/* value_is_name - of a network or a node: letters, digits, '_' and '-', 1 to 63 of them, no '-'
 * first */
bool value_is_name(const char *text);

/* value_is_device - of a device, as the kernel takes it: 1 to 15 bytes, no '/', ':' or space */
bool value_is_device(const char *text);
