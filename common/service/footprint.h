/* common/service/footprint.h — give back the memory that starting up alone has needed. */
#ifndef COMMON_SERVICE_FOOTPRINT_H
#define COMMON_SERVICE_FOOTPRINT_H

/** Unmap the pages of libraries and of our own code that are as they are on the disk: three dozen
 *  libraries were linked and initialised, of which serving needs a fraction. What is used again is
 *  mapped again by the kernel. Without effect where /proc is missing. */
void footprint_release(void);

#endif
