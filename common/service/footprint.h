/* common/service/footprint.h — keep the resident memory of a process small. */
#ifndef COMMON_SERVICE_FOOTPRINT_H
#define COMMON_SERVICE_FOOTPRINT_H

/** Have the heap give back what is large as soon as it is freed, and use one arena: the threads of a
 *  service allocate next to nothing. Call it before anything else. */
void footprint_limit_heap(void);

/** Give back the memory that starting up alone has needed: unmap the pages of libraries and of our
 *  own code that are as they are on the disk. Three dozen libraries were linked and initialised, of
 *  which serving needs a fraction. What is used again is mapped again by the kernel. Without effect
 *  where /proc is missing. */
void footprint_release(void);

#endif
