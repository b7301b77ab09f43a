/* SPDX-License-Identifier: Apache-2.0 */
/* Forced into every source of ours by the build: calls that are too easy to get wrong do not compile. */
#ifndef RF_BASE_BANNED_H
#define RF_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof atoll
#pragma GCC poison gmtime localtime ctime asctime system popen tmpnam mktemp tempnam

#endif
