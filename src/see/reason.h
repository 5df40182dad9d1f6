/* reason.h - why the kernel freed a packet, in words
 *
 * The kernel gives a reason ("NETFILTER_DROP") and the place in its code.
 * Where the reason says nothing (NOT_SPECIFIED, and every reason on kernels
 * before 5.17) the function often does.  Words describe what the kernel did;
 * why it came to that on a particular network is `warren why`'s business.
 *
 * Source: include/net/dropreason-core.h of Linux 6.12.
 */
#pragma once

/* reason_words - a few words, or "" when neither tells anything
 *
 * reason  without SKB_DROP_REASON_; may be ""
 * symbol  function of the kernel; may be ""
 */
const char *reason_words(const char *reason, const char *symbol);
