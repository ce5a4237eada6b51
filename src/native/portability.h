// Included before every C++ file (CMakeLists.txt): binds the few symbols that newer C and C++ libraries have renewed to their older
// versions, so that an addon that was built on a recent Linux loads on every one that Node 20 runs on (glibc 2.28, GCC 8's
// libstdc++). test/native/portability.test.ts holds it.
#pragma once

#if defined(__linux__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
// The newer ones differ in how errno is set, which nothing here reads.
__asm__(".symver exp,exp@GLIBC_2.2.5");
__asm__(".symver log,log@GLIBC_2.2.5");
__asm__(".symver pow,pow@GLIBC_2.2.5");
// std::condition_variable::wait, whose newer version adds noexcept.
__asm__(".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
#endif
