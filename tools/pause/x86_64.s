# The pause program for x86-64: see sampan/cluster/pause.py. One segment, no stack use but for constants.
        .intel_syntax noprefix
start:  lea     rsi, [rip + set]
        xor     edi, edi                # SIG_BLOCK
        xor     edx, edx
        push    8                       # the size of a signal set
        pop     r10
        push    14                      # rt_sigprocmask
        pop     rax
        syscall
next:   lea     rdi, [rip + set]
        xor     esi, esi
        xor     edx, edx                # no time limit
        push    8
        pop     r10
        mov     eax, 128                # rt_sigtimedwait
        syscall
        cmp     eax, 2                  # SIGINT
        je      done
        cmp     eax, 15                 # SIGTERM
        je      done
        cmp     eax, 17                 # SIGCHLD
        jne     next
reap:   mov     edi, -1                 # any child
        xor     esi, esi
        push    1                       # WNOHANG
        pop     rdx
        xor     r10d, r10d
        push    61                      # wait4
        pop     rax
        syscall
        test    eax, eax
        jg      reap
        jmp     next
done:   xor     edi, edi
        mov     eax, 231                # exit_group
        syscall
set:    .quad   -1                      # every signal
