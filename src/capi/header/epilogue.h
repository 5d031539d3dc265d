
#ifdef __cplusplus
}
#endif

#endif /* THREADING_H */
