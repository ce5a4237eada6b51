// Makes an addon that was built on a recent Linux load on every one that Node 20 runs on (glibc 2.28, GCC 8's libstdc++): binds the
// symbols that newer C and C++ libraries have renewed or moved to their older versions, and defines what older ones lack.
// test/native/portability.test.ts holds it.
#include <new>

#if defined(__linux__) && defined(__x86_64__) && defined(__GNUC__)

// CMakeLists.txt reads these lines and has the linker send every call of a name to __wrap_name (ld --wrap), also those of libraries that
// come compiled, as CUDA's runtime does.
#define OLDER(name, version)                                                         \
  __asm__(".symver older_" #name "," #name "@" #version                               \
          "\n.pushsection .text.older_" #name ",\"ax\",@progbits\n.globl __wrap_" #name "\n.hidden __wrap_" #name       \
          "\n.type __wrap_" #name ",@function\n__wrap_" #name ":\njmp older_" #name   \
          "@PLT\n.size __wrap_" #name ",.-__wrap_" #name "\n.popsection");

// Newer ones differ in how errno is set, which nothing here reads.
OLDER(exp, GLIBC_2.2.5)
OLDER(log, GLIBC_2.2.5)
OLDER(pow, GLIBC_2.2.5)
// std::condition_variable::wait, whose newer version adds noexcept.
OLDER(_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE, GLIBCXX_3.4.11)
// glibc 2.34 took the libraries dl, pthread and rt into libc, with new versions of what did not change. CUDA's runtime asks for these.
OLDER(dlclose, GLIBC_2.2.5)
OLDER(dlerror, GLIBC_2.2.5)
OLDER(dlmopen, GLIBC_2.3.4)
OLDER(dlopen, GLIBC_2.2.5)
OLDER(dlsym, GLIBC_2.2.5)
OLDER(dlvsym, GLIBC_2.2.5)
OLDER(pthread_condattr_setpshared, GLIBC_2.2.5)
OLDER(pthread_create, GLIBC_2.2.5)
OLDER(pthread_detach, GLIBC_2.2.5)
OLDER(pthread_getspecific, GLIBC_2.2.5)
OLDER(pthread_join, GLIBC_2.2.5)
OLDER(pthread_key_create, GLIBC_2.2.5)
OLDER(pthread_key_delete, GLIBC_2.2.5)
OLDER(pthread_kill, GLIBC_2.2.5)
OLDER(pthread_mutex_trylock, GLIBC_2.2.5)
OLDER(pthread_mutexattr_destroy, GLIBC_2.2.5)
OLDER(pthread_mutexattr_init, GLIBC_2.2.5)
OLDER(pthread_mutexattr_setpshared, GLIBC_2.2.5)
OLDER(pthread_mutexattr_settype, GLIBC_2.2.5)
OLDER(pthread_once, GLIBC_2.2.5)
OLDER(pthread_rwlock_destroy, GLIBC_2.2.5)
OLDER(pthread_rwlock_init, GLIBC_2.2.5)
OLDER(pthread_rwlock_rdlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_timedrdlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_timedwrlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_tryrdlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_trywrlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_unlock, GLIBC_2.2.5)
OLDER(pthread_rwlock_wrlock, GLIBC_2.2.5)
OLDER(pthread_rwlockattr_destroy, GLIBC_2.2.5)
OLDER(pthread_rwlockattr_init, GLIBC_2.2.5)
OLDER(pthread_rwlockattr_setpshared, GLIBC_2.2.5)
OLDER(pthread_setspecific, GLIBC_2.2.5)
OLDER(pthread_spin_destroy, GLIBC_2.2.5)
OLDER(pthread_spin_init, GLIBC_2.2.5)
OLDER(pthread_spin_lock, GLIBC_2.2.5)
OLDER(pthread_spin_trylock, GLIBC_2.2.5)
OLDER(pthread_spin_unlock, GLIBC_2.2.5)
OLDER(sem_destroy, GLIBC_2.2.5)
OLDER(sem_init, GLIBC_2.2.5)
OLDER(sem_post, GLIBC_2.2.5)
OLDER(sem_timedwait, GLIBC_2.2.5)
OLDER(sem_trywait, GLIBC_2.2.5)
OLDER(sem_wait, GLIBC_2.2.5)
OLDER(shm_open, GLIBC_2.2.5)
OLDER(shm_unlink, GLIBC_2.2.5)

// Read by shared_ptr to leave out atomic counting. Zero: several threads, always right.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;

namespace std {
__attribute__((visibility("hidden"))) void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
#endif
