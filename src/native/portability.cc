// Definitions of what older C and C++ libraries lack (portability.h). They stay inside the addon: its symbols are hidden.
#include <new>

#if defined(__linux__) && defined(__x86_64__) && defined(__GNUC__)
// Read by shared_ptr to leave out atomic counting. Zero: several threads, always right.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;

namespace std {
__attribute__((visibility("hidden"))) void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
#endif
