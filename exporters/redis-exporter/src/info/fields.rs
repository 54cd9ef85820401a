//! Which field of INFO is which family: the peer's names, and after them fields that the peer leaves out. Each table is
//! sorted by field, for the search.

use exporter_core::{Desc, Family};

/// A field with a number (or `ok` and the like) in it.
#[derive(Debug)]
pub(crate) struct Field {
    name: &'static str,
    pub(crate) family: Family<0>,
}

/// The field of this name.
pub(crate) fn find(table: &'static [Field], name: &[u8]) -> Option<&'static Field> {
    table.binary_search_by(|field| field.name.as_bytes().cmp(name)).ok().map(|at| &table[at])
}

/// The fields that a server told last, in their order: it mostly tells the same ones again, and then none is searched.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    told: Vec<Option<&'static Field>>,
    next: usize,
}

/// More than any server tells.
const MOST_TOLD: usize = 1024;

impl Recall {
    /// Before the first field.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
    }

    /// The next field, if it is one of [`FIELDS`].
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<&'static Field> {
        let at = self.next;
        self.next += 1;
        if let Some(Some(field)) = self.told.get(at)
            && field.name.as_bytes() == name
        {
            return Some(field);
        }
        let found = find(FIELDS, name);
        if at < MOST_TOLD {
            self.told.resize(self.told.len().max(at + 1), None);
            self.told[at] = found;
        }
        found
    }
}

macro_rules! fields {
    ($(#[$doc:meta])* $table:ident $descs:ident $($kind:ident $field:literal $family:literal,)+) => {
        $(#[$doc])*
        pub(crate) static $table: &[Field] = {
            static FIELDS: &[Field] = &[$(Field {
                name: $field,
                family: Family::$kind($family, concat!("Field ", $field, " of INFO."), &[]),
            }),+];
            FIELDS
        };
        /// Their declarations.
        pub(crate) const $descs: [&Desc; $table.len()] = {
            let mut descs = [$table[0].family.desc(); $table.len()];
            let mut at = 0;
            while at < descs.len() {
                descs[at] = $table[at].family.desc();
                at += 1;
            }
            descs
        };
    };
}

fields! {
    /// What every server may say.
    FIELDS FIELD_DESCS
    counter "acl_access_denied_auth" "redis_acl_access_denied_auth_total",
    counter "acl_access_denied_channel" "redis_acl_access_denied_channel_total",
    counter "acl_access_denied_cmd" "redis_acl_access_denied_cmd_total",
    counter "acl_access_denied_db" "redis_acl_access_denied_db_total",
    counter "acl_access_denied_key" "redis_acl_access_denied_key_total",
    counter "acl_access_denied_tls_cert" "redis_acl_access_denied_tls_cert_total",
    gauge "active_defrag_hits" "redis_defrag_hits",
    gauge "active_defrag_key_hits" "redis_defrag_key_hits",
    gauge "active_defrag_key_misses" "redis_defrag_key_misses",
    gauge "active_defrag_misses" "redis_defrag_misses",
    gauge "active_defrag_running" "redis_active_defrag_running",
    gauge "allocator_active" "redis_allocator_active_bytes",
    gauge "allocator_allocated" "redis_allocator_allocated_bytes",
    gauge "allocator_frag_bytes" "redis_allocator_frag_bytes",
    gauge "allocator_frag_ratio" "redis_allocator_frag_ratio",
    gauge "allocator_muzzy" "redis_allocator_muzzy_bytes",
    gauge "allocator_resident" "redis_allocator_resident_bytes",
    gauge "allocator_rss_bytes" "redis_allocator_rss_bytes",
    gauge "allocator_rss_ratio" "redis_allocator_rss_ratio",
    gauge "aof_base_size" "redis_aof_base_size_bytes",
    gauge "aof_buffer_length" "redis_aof_buffer_length",
    gauge "aof_current_rewrite_time_sec" "redis_aof_current_rewrite_duration_sec",
    gauge "aof_current_size" "redis_aof_current_size_bytes",
    gauge "aof_delayed_fsync" "redis_aof_delayed_fsync",
    gauge "aof_enabled" "redis_aof_enabled",
    gauge "aof_last_bgrewrite_status" "redis_aof_last_bgrewrite_status",
    gauge "aof_last_cow_size" "redis_aof_last_cow_size_bytes",
    gauge "aof_last_rewrite_time_sec" "redis_aof_last_rewrite_duration_sec",
    gauge "aof_last_write_status" "redis_aof_last_write_status",
    gauge "aof_pending_bio_fsync" "redis_aof_pending_bio_fsync",
    gauge "aof_pending_rewrite" "redis_aof_pending_rewrite",
    gauge "aof_rewrite_buffer_length" "redis_aof_rewrite_buffer_length",
    gauge "aof_rewrite_in_progress" "redis_aof_rewrite_in_progress",
    gauge "aof_rewrite_scheduled" "redis_aof_rewrite_scheduled",
    counter "aof_rewrites" "redis_aof_rewrites_total",
    gauge "aof_rewrites_consecutive_failures" "redis_aof_rewrites_consecutive_failures",
    gauge "async_loading" "redis_async_loading",
    gauge "blocked_clients" "redis_blocked_clients",
    counter "cached_keys" "redis_cached_keys_total",
    gauge "client_biggest_input_buf" "redis_client_biggest_input_buf",
    gauge "client_longest_output_list" "redis_client_longest_output_list",
    counter "client_output_buffer_limit_disconnections" "redis_client_output_buffer_limit_disconnections_total",
    counter "client_query_buffer_limit_disconnections" "redis_client_query_buffer_limit_disconnections_total",
    gauge "client_recent_max_input_buffer" "redis_client_recent_max_input_buffer_bytes",
    gauge "client_recent_max_output_buffer" "redis_client_recent_max_output_buffer_bytes",
    gauge "clients_in_timeout_table" "redis_clients_in_timeout_table",
    gauge "cluster_connections" "redis_cluster_connections",
    gauge "cluster_enabled" "redis_cluster_enabled",
    gauge "cluster_stats_messages_received" "redis_cluster_messages_received_total",
    gauge "cluster_stats_messages_sent" "redis_cluster_messages_sent_total",
    gauge "configured_hz" "redis_configured_hz",
    gauge "connected_clients" "redis_connected_clients",
    gauge "connected_slaves" "redis_connected_slaves",
    gauge "current_active_defrag_time" "redis_current_active_defrag_time_ms",
    gauge "current_client_thread" "redis_current_client_thread",
    gauge "current_cow_peak" "redis_current_cow_peak_bytes",
    gauge "current_cow_size" "redis_current_cow_size_bytes",
    gauge "current_eviction_exceeded_time" "redis_current_eviction_exceeded_time_ms",
    gauge "current_save_keys_processed" "redis_current_save_keys_processed",
    gauge "current_save_keys_total" "redis_current_save_keys_total",
    counter "dump_payload_sanitizations" "redis_dump_payload_sanitizations",
    counter "eventloop_cycles" "redis_eventloop_cycles_total",
    counter "eventloop_duration_cmd_sum" "redis_eventloop_duration_cmd_sum_usec_total",
    counter "eventloop_duration_sum" "redis_eventloop_duration_sum_usec_total",
    counter "evicted_clients" "redis_evicted_clients_total",
    counter "evicted_keys" "redis_evicted_keys_total",
    counter "evicted_scripts" "redis_evicted_scripts_total",
    counter "expire_cycle_cpu_milliseconds" "redis_expire_cycle_cpu_time_ms_total",
    counter "expired_fields" "redis_expired_fields_total",
    counter "expired_keys" "redis_expired_keys_total",
    gauge "expired_stale_perc" "redis_expired_stale_percentage",
    counter "expired_subkeys" "redis_expired_subkeys_total",
    counter "expired_time_cap_reached_count" "redis_expired_time_cap_reached_total",
    gauge "hz" "redis_hz",
    gauge "instantaneous_eventloop_cycles_per_sec" "redis_instantaneous_eventloop_cycles_per_sec",
    gauge "instantaneous_eventloop_duration_usec" "redis_instantaneous_eventloop_duration_usec",
    gauge "instantaneous_input_kbps" "redis_instantaneous_input_kbps",
    gauge "instantaneous_input_repl_kbps" "redis_instantaneous_input_repl_kbps",
    gauge "instantaneous_ops_per_sec" "redis_instantaneous_ops_per_sec",
    gauge "instantaneous_output_kbps" "redis_instantaneous_output_kbps",
    gauge "instantaneous_output_repl_kbps" "redis_instantaneous_output_repl_kbps",
    counter "io_threaded_reads_processed" "redis_io_threaded_reads_processed",
    counter "io_threaded_writes_processed" "redis_io_threaded_writes_processed",
    gauge "io_threads_active" "redis_io_threads_active",
    counter "keyspace_hits" "redis_keyspace_hits_total",
    counter "keyspace_misses" "redis_keyspace_misses_total",
    gauge "latest_fork_usec" "redis_latest_fork_seconds",
    gauge "lazyfree_pending_objects" "redis_lazyfree_pending_objects",
    gauge "lazyfreed_objects" "redis_lazyfreed_objects",
    gauge "loading" "redis_loading_dump_file",
    gauge "long_lock_waits" "redis_long_lock_waits_total",
    gauge "master_repl_offset" "redis_master_repl_offset",
    gauge "maxclients" "redis_max_clients",
    gauge "maxfragmentationmemory_desired_reservation" "redis_memory_max_fragmentation_reservation_desired_bytes",
    gauge "maxfragmentationmemory_reservation" "redis_memory_max_fragmentation_reservation_bytes",
    gauge "maxmemory" "redis_memory_max_bytes",
    gauge "maxmemory_desired_reservation" "redis_memory_max_reservation_desired_bytes",
    gauge "maxmemory_reservation" "redis_memory_max_reservation_bytes",
    gauge "mem_aof_buffer" "redis_mem_aof_buffer_bytes",
    gauge "mem_clients_normal" "redis_mem_clients_normal",
    gauge "mem_clients_slaves" "redis_mem_clients_slaves",
    gauge "mem_cluster_links" "redis_mem_cluster_links_bytes",
    gauge "mem_fragmentation_bytes" "redis_mem_fragmentation_bytes",
    gauge "mem_fragmentation_ratio" "redis_mem_fragmentation_ratio",
    gauge "mem_not_counted_for_evict" "redis_mem_not_counted_for_eviction_bytes",
    gauge "mem_overhead_db_hashtable_rehashing" "redis_mem_overhead_db_hashtable_rehashing_bytes",
    gauge "mem_replica_full_sync_buffer" "redis_mem_replica_full_sync_buffer_bytes",
    gauge "mem_replication_backlog" "redis_mem_replication_backlog_bytes",
    gauge "mem_total_replication_buffers" "redis_mem_total_replication_buffers_bytes",
    gauge "migrate_cached_sockets" "redis_migrate_cached_sockets_total",
    gauge "module_fork_in_progress" "redis_module_fork_in_progress",
    gauge "module_fork_last_cow_size" "redis_module_fork_last_cow_size",
    gauge "number_of_cached_scripts" "redis_number_of_cached_scripts",
    gauge "number_of_functions" "redis_number_of_functions",
    gauge "number_of_libraries" "redis_number_of_libraries",
    gauge "process_id" "redis_process_id",
    gauge "pubsub_channels" "redis_pubsub_channels",
    gauge "pubsub_clients" "redis_pubsub_clients",
    gauge "pubsub_patterns" "redis_pubsub_patterns",
    gauge "pubsubshard_channels" "redis_pubsubshard_channels",
    gauge "rdb_bgsave_in_progress" "redis_rdb_bgsave_in_progress",
    gauge "rdb_changes_since_last_save" "redis_rdb_changes_since_last_save",
    gauge "rdb_current_bgsave_time_sec" "redis_rdb_current_bgsave_duration_sec",
    gauge "rdb_last_bgsave_status" "redis_rdb_last_bgsave_status",
    gauge "rdb_last_bgsave_time_sec" "redis_rdb_last_bgsave_duration_sec",
    gauge "rdb_last_cow_size" "redis_rdb_last_cow_size_bytes",
    gauge "rdb_last_load_keys_expired" "redis_rdb_last_load_expired_keys",
    gauge "rdb_last_load_keys_loaded" "redis_rdb_last_load_loaded_keys",
    gauge "rdb_last_save_time" "redis_rdb_last_save_timestamp_seconds",
    gauge "rdb_saves" "redis_rdb_saves_total",
    counter "rejected_connections" "redis_rejected_connections_total",
    gauge "repl_backlog_active" "redis_repl_backlog_is_active",
    gauge "repl_backlog_first_byte_offset" "redis_repl_backlog_first_byte_offset",
    gauge "repl_backlog_histlen" "redis_repl_backlog_history_bytes",
    gauge "repl_backlog_size" "redis_replication_backlog_bytes",
    gauge "replicas_waiting_psync" "redis_replicas_waiting_psync",
    counter "reply_buffer_expands" "redis_reply_buffer_expands_total",
    counter "reply_buffer_shrinks" "redis_reply_buffer_shrinks_total",
    gauge "rss_overhead_bytes" "redis_rss_overhead_bytes",
    gauge "rss_overhead_ratio" "redis_rss_overhead_ratio",
    gauge "second_repl_offset" "redis_second_repl_offset",
    gauge "sentinel_masters" "redis_sentinel_masters",
    gauge "sentinel_running_scripts" "redis_sentinel_running_scripts",
    gauge "sentinel_scripts_queue_length" "redis_sentinel_scripts_queue_length",
    gauge "sentinel_simulate_failure_flags" "redis_sentinel_simulate_failure_flags",
    gauge "sentinel_tilt" "redis_sentinel_tilt",
    gauge "server_threads" "redis_server_threads_total",
    gauge "slave_expires_tracked_keys" "redis_slave_expires_tracked_keys",
    gauge "slave_priority" "redis_slave_priority",
    gauge "slave_read_repl_offset" "redis_slave_read_repl_offset",
    counter "storage_provider_read_hits" "redis_storage_provider_read_hits",
    counter "storage_provider_read_misses" "redis_storage_provider_read_misses",
    gauge "sync_full" "redis_replica_resyncs_full",
    gauge "sync_partial_err" "redis_replica_partial_resync_denied",
    gauge "sync_partial_ok" "redis_replica_partial_resync_accepted",
    gauge "tls_ca_cert_expires_in_seconds" "redis_tls_ca_cert_expires_in_seconds",
    gauge "tls_client_cert_expires_in_seconds" "redis_tls_client_cert_expires_in_seconds",
    gauge "tls_server_cert_expires_in_seconds" "redis_tls_server_cert_expires_in_seconds",
    counter "total_active_defrag_time" "redis_active_defrag_time_ms_total",
    gauge "total_blocking_keys" "redis_total_blocking_keys",
    gauge "total_blocking_keys_on_nokey" "redis_total_blocking_keys_on_nokey",
    counter "total_commands_processed" "redis_commands_processed_total",
    counter "total_connections_received" "redis_connections_received_total",
    counter "total_error_replies" "redis_total_error_replies",
    counter "total_eviction_exceeded_time" "redis_eviction_exceeded_time_ms_total",
    counter "total_forks" "redis_forks_total",
    counter "total_net_input_bytes" "redis_net_input_bytes_total",
    counter "total_net_output_bytes" "redis_net_output_bytes_total",
    counter "total_net_repl_input_bytes" "redis_net_repl_input_bytes_total",
    counter "total_net_repl_output_bytes" "redis_net_repl_output_bytes_total",
    counter "total_reads_processed" "redis_total_reads_processed",
    gauge "total_system_memory" "redis_total_system_memory_bytes",
    gauge "total_watched_keys" "redis_total_watched_keys",
    counter "total_writes_processed" "redis_total_writes_processed",
    gauge "tracking_clients" "redis_tracking_clients",
    gauge "tracking_total_items" "redis_tracking_total_items",
    gauge "tracking_total_keys" "redis_tracking_total_keys",
    gauge "tracking_total_prefixes" "redis_tracking_total_prefixes",
    counter "unexpected_error_replies" "redis_unexpected_error_replies",
    gauge "uptime_in_seconds" "redis_uptime_in_seconds",
    counter "used_active_time_main_thread" "redis_active_time_main_thread_seconds_total",
    counter "used_cpu_sys" "redis_cpu_sys_seconds_total",
    counter "used_cpu_sys_children" "redis_cpu_sys_children_seconds_total",
    counter "used_cpu_sys_main_thread" "redis_cpu_sys_main_thread_seconds_total",
    counter "used_cpu_user" "redis_cpu_user_seconds_total",
    counter "used_cpu_user_children" "redis_cpu_user_children_seconds_total",
    counter "used_cpu_user_main_thread" "redis_cpu_user_main_thread_seconds_total",
    gauge "used_memory" "redis_memory_used_bytes",
    gauge "used_memory_dataset" "redis_memory_used_dataset_bytes",
    gauge "used_memory_functions" "redis_memory_used_functions_bytes",
    gauge "used_memory_lua" "redis_memory_used_lua_bytes",
    gauge "used_memory_overhead" "redis_memory_used_overhead_bytes",
    gauge "used_memory_peak" "redis_memory_used_peak_bytes",
    gauge "used_memory_rss" "redis_memory_used_rss_bytes",
    gauge "used_memory_scripts" "redis_memory_used_scripts_bytes",
    gauge "used_memory_scripts_eval" "redis_memory_used_scripts_eval_bytes",
    gauge "used_memory_startup" "redis_memory_used_startup_bytes",
    gauge "used_memory_vm_eval" "redis_memory_used_vm_eval_bytes",
    gauge "used_memory_vm_functions" "redis_memory_used_vm_functions_bytes",
    gauge "used_memory_vm_total" "redis_memory_used_vm_total",
    gauge "watching_clients" "redis_watching_clients",
}

fields! {
    /// What modules add; left out unless asked for.
    MODULE_FIELDS MODULE_DESCS
    gauge "bf_bloom_capacity_across_objects" "redis_bf_bloom_capacity_across_objects",
    counter "bf_bloom_defrag_hits" "redis_bf_bloom_defrag_hits_total",
    counter "bf_bloom_defrag_misses" "redis_bf_bloom_defrag_misses_total",
    gauge "bf_bloom_num_filters_across_objects" "redis_bf_bloom_num_filters_across_objects",
    gauge "bf_bloom_num_items_across_objects" "redis_bf_bloom_num_items_across_objects",
    gauge "bf_bloom_num_objects" "redis_bf_bloom_num_objects",
    gauge "bf_bloom_total_memory_bytes" "redis_bf_bloom_total_memory_bytes",
    gauge "json_num_documents" "redis_json_num_documents",
    gauge "json_total_memory_bytes" "redis_json_total_memory_bytes",
    gauge "search_bytes_collected" "redis_search_collected_bytes",
    gauge "search_dialect_1" "redis_search_dialect_1",
    gauge "search_dialect_2" "redis_search_dialect_2",
    gauge "search_dialect_3" "redis_search_dialect_3",
    gauge "search_dialect_4" "redis_search_dialect_4",
    gauge "search_errors_indexing_failures" "redis_search_errors_indexing_failures",
    counter "search_failure_requests_count" "redis_search_failure_requests_count",
    gauge "search_gc_bytes_collected" "redis_search_gc_collected_bytes",
    gauge "search_gc_marked_deleted_vectors" "redis_search_gc_marked_deleted_vectors",
    counter "search_gc_total_cycles" "redis_search_gc_cycles_total",
    gauge "search_gc_total_docs_not_collected" "redis_search_gc_total_docs_not_collected",
    counter "search_gc_total_ms_run" "redis_search_gc_run_ms_total",
    gauge "search_global_idle" "redis_search_global_idle",
    gauge "search_global_idle_internal" "redis_search_global_idle_internal",
    gauge "search_global_idle_user" "redis_search_global_idle_user",
    gauge "search_global_total" "redis_search_global_total",
    gauge "search_global_total_internal" "redis_search_global_total_internal",
    gauge "search_global_total_user" "redis_search_global_total_user",
    counter "search_hnsw_add_exceptions_count" "redis_search_hnsw_add_exceptions_count",
    counter "search_hnsw_create_exceptions_count" "redis_search_hnsw_create_exceptions_count",
    counter "search_hnsw_modify_exceptions_count" "redis_search_hnsw_modify_exceptions_count",
    counter "search_hnsw_remove_exceptions_count" "redis_search_hnsw_remove_exceptions_count",
    counter "search_hnsw_search_exceptions_count" "redis_search_hnsw_search_exceptions_count",
    counter "search_hybrid_requests_count" "redis_search_hybrid_requests_count",
    counter "search_inline_filtering_requests_count" "redis_search_inline_filtering_requests_count",
    gauge "search_largest_memory_index" "redis_search_largest_memory_index_bytes",
    gauge "search_number_of_active_indexes" "redis_search_number_of_active_indexes",
    gauge "search_number_of_active_indexes_indexing" "redis_search_number_of_active_indexes_indexing",
    gauge "search_number_of_active_indexes_running_queries" "redis_search_number_of_active_indexes_running_queries",
    gauge "search_number_of_attributes" "redis_search_number_of_attributes",
    gauge "search_number_of_indexes" "redis_search_number_of_indexes",
    gauge "search_query_queue_size" "redis_search_query_queue_size",
    counter "search_rdb_load_failure_cnt" "redis_search_rdb_load_failure_count",
    counter "search_rdb_load_success_cnt" "redis_search_rdb_load_success_count",
    counter "search_rdb_save_failure_cnt" "redis_search_rdb_save_failure_count",
    counter "search_rdb_save_success_cnt" "redis_search_rdb_save_success_count",
    counter "search_reader_resumed_cnt" "redis_search_reader_resumed_count",
    gauge "search_smallest_memory_index" "redis_search_smallest_memory_index_bytes",
    gauge "search_string_interning_store_size" "redis_search_string_interning_store_size",
    counter "search_successful_requests_count" "redis_search_successful_requests_count",
    counter "search_total_active_queries" "redis_search_active_queries_total",
    gauge "search_total_active_write_threads" "redis_search_total_active_write_threads",
    counter "search_total_cycles" "redis_search_cycles_total",
    gauge "search_total_indexed_documents" "redis_search_total_indexed_documents",
    counter "search_total_indexing_time" "redis_search_indexing_time_ms_total",
    counter "search_total_ms_run" "redis_search_run_ms_total",
    gauge "search_total_num_docs_in_indexes" "redis_search_total_num_docs_in_indexes",
    counter "search_total_queries_processed" "redis_search_queries_processed_total",
    counter "search_total_query_commands" "redis_search_query_commands_total",
    counter "search_total_query_execution_time_ms" "redis_search_query_execution_time_ms_total",
    gauge "search_used_memory_bytes" "redis_search_used_memory_bytes",
    gauge "search_used_memory_indexes" "redis_search_used_memory_indexes_bytes",
    gauge "search_used_memory_vector_index" "redis_search_used_memory_vector_index_bytes",
    counter "search_vector_externing_deferred_entry_cnt" "redis_search_vector_externing_deferred_entry_count",
    counter "search_vector_externing_entry_count" "redis_search_vector_externing_entry_count",
    counter "search_vector_externing_generated_value_cnt" "redis_search_vector_externing_generated_value_count",
    gauge "search_vector_externing_hash_extern_errors" "redis_search_vector_externing_hash_extern_errors",
    counter "search_vector_externing_lru_promote_cnt" "redis_search_vector_externing_lru_promote_count",
    gauge "search_vector_externing_num_lru_entries" "redis_search_vector_externing_num_lru_entries",
    counter "search_worker_pool_suspend_cnt" "redis_search_worker_pool_suspend_count",
    gauge "search_writer_queue_size" "redis_search_writer_queue_size",
    counter "search_writer_resumed_cnt" "redis_search_writer_resumed_count",
    counter "search_writer_suspension_expired_cnt" "redis_search_writer_suspension_expired_count",
}

fields! {
    /// What Tile38 says in `SERVER EXT`.
    TILE38_FIELDS TILE38_DESCS
    gauge "tile38_alloc_bytes" "redis_tile38_mem_alloc_bytes",
    gauge "tile38_aof_size" "redis_tile38_aof_size_bytes",
    gauge "tile38_avg_point_size" "redis_tile38_avg_item_size_bytes",
    gauge "tile38_go_goroutines" "redis_tile38_go_goroutines_total",
    gauge "tile38_go_threads" "redis_tile38_threads_total",
    gauge "tile38_heap_alloc_bytes" "redis_tile38_heap_size_bytes",
    gauge "tile38_heap_released_bytes" "redis_tile38_heap_released_bytes",
    gauge "tile38_http_transport" "redis_tile38_http_transport",
    gauge "tile38_in_memory_size" "redis_tile38_in_memory_size_bytes",
    gauge "tile38_last_gc_time_seconds" "redis_tile38_last_gc_time_seconds",
    gauge "tile38_max_heap_size" "redis_tile38_max_heap_size_bytes",
    gauge "tile38_next_gc_bytes" "redis_tile38_next_gc_bytes",
    gauge "tile38_num_collections" "redis_tile38_num_collections_total",
    gauge "tile38_num_hooks" "redis_tile38_num_hooks_total",
    gauge "tile38_num_objects" "redis_tile38_num_objects_total",
    gauge "tile38_num_points" "redis_tile38_num_points_total",
    gauge "tile38_pointer_size" "redis_tile38_pointer_size_bytes",
    gauge "tile38_read_only" "redis_tile38_read_only",
    gauge "tile38_sys_cpus" "redis_tile38_cpus_total",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_names_differ() {
        let mut families = Vec::new();
        for table in [FIELDS, MODULE_FIELDS, TILE38_FIELDS] {
            assert!(table.windows(2).all(|pair| pair[0].name < pair[1].name));
            families.extend(table.iter().map(|field| field.family.desc().name));
        }
        let count = families.len();
        families.sort_unstable();
        families.dedup();
        assert_eq!(families.len(), count);
        assert!(find(FIELDS, b"used_memory").is_some());
        assert!(find(FIELDS, b"used_memory_human").is_none());
    }

    #[test]
    fn fields_are_found_in_any_order() {
        let mut recall = Recall::default();
        let names: [&[u8]; 4] = [b"used_memory", b"no_field", b"hz", b"loading"];
        let mut turned = names;
        for _ in 0..6 {
            recall.begin();
            for name in turned {
                let of = |field: Option<&'static Field>| field.map(|field| field.name);
                assert_eq!(of(recall.find(name)), of(find(FIELDS, name)), "{}", name.escape_ascii());
            }
            turned.rotate_left(1);
        }
        recall.begin();
        (0..3000).for_each(|_| assert!(recall.find(b"hz").is_some()));
        assert_eq!(recall.told.len(), MOST_TOLD);
    }
}
