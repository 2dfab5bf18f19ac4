//! The integration tests: the program as its users see it, and the library on real input. One binary.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod env;

mod architecture;
mod cli;
mod database_old;
mod effects_files;
mod pages;
mod pages_asked;
mod pages_carried;
mod pages_files;
mod pages_kept;
mod pages_pending;
mod pages_stray;
mod pages_time;
mod privileged_database;
mod privileged_disk;
mod privileged_doctor;
mod privileged_dump;
mod privileged_dump_objects;
mod privileged_faults;
mod privileged_fresh;
mod privileged_large;
mod privileged_manners;
mod privileged_mounts;
mod privileged_run;
mod privileged_schema;
mod privileged_tolerance;
mod privileged_types;
mod privileged_units;
mod privileged_variations;
mod privileged_way_out;
mod rootfs;
mod rootfs_advisories;
mod rootfs_builders;
mod rootfs_hostile;
mod rootfs_mutations;
mod rootfs_packing;
mod rootfs_properties;
mod rootfs_tar;
