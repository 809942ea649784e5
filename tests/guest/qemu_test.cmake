# lamina_qemu_test(NAME (SYSTEM tree | KERNEL guest)
#                  [EXIT status] [TIMEOUT seconds] [EXPECT regex...] [REJECT regex...]
#                  [COUNT number regex] [INPUT text] [ICOUNT] [DATE] [CPUS number...]
#                  [BOOT_ARGS text] [RUN_ARGS argument...])
#
# Runs `lamina run` and checks its exit status (0 unless EXIT says otherwise) and what it printed:
# every EXPECT must match some line, no REJECT may match any, so many lines as COUNT says must match
# its one (extended regular expressions, as for grep -E). SYSTEM is a .dts or .dtb, relative to the
# caller's source folder or absolute; KERNEL is a target's name or a file. INPUT is what the guest
# finds on standard input. DATE: it prints the date, see check_run.sh. On failure the whole output is shown. CPUS are numbers of host CPUs (1):
# there is a test for each, called NAME for the one CPU and NAME-cpus2 and so on for others.
function(lamina_qemu_test test)
    cmake_parse_arguments(PARSE_ARGV 1 arg "ICOUNT;DATE" "SYSTEM;KERNEL;EXIT;TIMEOUT;INPUT;BOOT_ARGS"
                          "EXPECT;REJECT;COUNT;CPUS;RUN_ARGS")
    if(arg_UNPARSED_ARGUMENTS OR NOT (arg_SYSTEM OR arg_KERNEL) OR (arg_SYSTEM AND arg_KERNEL))
        message(FATAL_ERROR "lamina_qemu_test(${test}): wants one of SYSTEM and KERNEL; "
                            "not understood: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT DEFINED arg_EXIT)
        set(arg_EXIT 0)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()

    set(check --exit ${arg_EXIT})
    foreach(regex IN LISTS arg_EXPECT)
        list(APPEND check --expect "${regex}")
    endforeach()
    foreach(regex IN LISTS arg_REJECT)
        list(APPEND check --reject "${regex}")
    endforeach()
    if(DEFINED arg_COUNT)
        list(APPEND check --count ${arg_COUNT})
    endif()
    if(arg_DATE)
        list(APPEND check --date 2)
    endif()
    if(DEFINED arg_INPUT)
        list(APPEND check --input "${arg_INPUT}")
    endif()

    set(run run --timeout ${arg_TIMEOUT} ${arg_RUN_ARGS})
    if(arg_ICOUNT)
        list(APPEND run --icount)
    endif()
    if(arg_BOOT_ARGS)
        list(APPEND run --boot-args "${arg_BOOT_ARGS}")
    endif()
    if(arg_SYSTEM)
        cmake_path(ABSOLUTE_PATH arg_SYSTEM)
        list(APPEND run ${arg_SYSTEM})
    elseif(TARGET ${arg_KERNEL})
        list(APPEND run --kernel $<TARGET_FILE:${arg_KERNEL}>)
    else()
        list(APPEND run --kernel ${arg_KERNEL})
    endif()

    if(NOT arg_CPUS)
        set(arg_CPUS 1)
    endif()
    math(EXPR ctest_limit "${arg_TIMEOUT} + 20")
    foreach(cpus IN LISTS arg_CPUS)
        set(name guest/${test})
        set(machine)
        if(NOT cpus EQUAL 1)
            string(APPEND name -cpus${cpus})
            set(machine --cpus ${cpus})
        endif()
        add_test(NAME ${name}
                 COMMAND ${PROJECT_SOURCE_DIR}/tests/guest/check_run.sh ${check} --
                         $<TARGET_FILE:lamina> ${run} ${machine})
        set_tests_properties(${name} PROPERTIES LABELS guest TIMEOUT ${ctest_limit}
                             PROCESSORS ${cpus})
    endforeach()
endfunction()
